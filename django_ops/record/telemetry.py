"""The current span of OpenTelemetry, where its SDK is active. Nothing is imported that is not imported yet."""

from __future__ import annotations

import sys

from django_ops.record.identity import Identity


#: Where this is not imported, there is no span.
MODULE = "opentelemetry.trace"


def current_span() -> tuple[str, str] | None:
    """Return trace id and span id, in lower-case hexadecimal of full width, or None when there is no span."""
    trace = sys.modules.get(MODULE)
    if trace is None:
        return None
    get_current_span = getattr(trace, "get_current_span", None)
    if get_current_span is None:  # another thread is importing it
        return None
    context = get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def within_span(identity: Identity) -> Identity:
    """Return `identity` with the ids of the current span, where there is one."""
    span = current_span()
    return identity if span is None else Identity(identity.request_id, *span)
