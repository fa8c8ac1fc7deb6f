"""What a message says of its publisher: whose request it serves, and when it was published."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import datetime
from typing import Any

from django_ops.record.identity import Identity, accept_identity

#: W3C trace context, which other publishers and workers may know as well.
TRACEPARENT = "traceparent"
REQUEST_ID = "x-request-id"
#: Unix time in seconds.
PUBLISHED_AT = "x-published-at"

#: More than this is a clock that is wrong, not a queue.
_LONGEST_SECONDS = 30 * 24 * 3600.0
#: No time at all: a message can hold a number that no float can.
_LATEST = 1e11


def write(headers: MutableMapping[str, Any], identity: Identity, published_at: float) -> None:
    """Tell in a message's headers who publishes it and when. Ids that are there already stay."""
    headers.setdefault(TRACEPARENT, identity.traceparent)
    headers.setdefault(REQUEST_ID, identity.request_id)
    # a retry carries the headers of the run before it, but it waits from now on
    headers[PUBLISHED_AT] = published_at


def read_identity(headers: Mapping[str, Any]) -> Identity:
    """Continue the publisher's identity as far as its headers are well-formed, with a span of its own.

    A message comes through the broker, from whoever may write to it: what is not an id is passed over.
    """
    traceparent, request_id = headers.get(TRACEPARENT), headers.get(REQUEST_ID)
    return accept_identity(
        traceparent if isinstance(traceparent, str) else None, request_id if isinstance(request_id, str) else None
    )


def read_queue_ns(headers: Mapping[str, Any], eta: datetime | None, started_at: float) -> int | None:
    """Return the nanoseconds that a task waited until `started_at` (Unix seconds); None when nobody knows.

    It waits from its publishing on, or from its `eta` (with a time zone) where that is later. Two clocks are
    compared, the publisher's and the worker's: a wait that seems negative is one of 0.
    """
    published_at = headers.get(PUBLISHED_AT)
    if not isinstance(published_at, (int, float)) or not 0 < published_at < _LATEST:
        return None
    waited = started_at - (published_at if eta is None else max(published_at, eta.timestamp()))
    return max(0, round(waited * 1e9)) if waited < _LONGEST_SECONDS else None
