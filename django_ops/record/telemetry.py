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
    try:
        context = trace.get_current_span().get_span_context()
        return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else None
    except Exception:  # another thread is importing it; or a tracer of somebody's own, and nobody must suffer from it
        return None


def within_span(identity: Identity) -> Identity:
    """Return `identity` with the ids of the current span, where there is one."""
    span = current_span()
    return identity if span is None else Identity(identity.request_id, *span)
