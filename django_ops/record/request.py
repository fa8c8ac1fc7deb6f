"""One request, finished: the only thing that the log and the metrics are told."""

from __future__ import annotations

from typing import NamedTuple

from django_ops.record.identity import Identity
from django_ops.record.outcome import Outcome

#: What `method` says for a verb that HTTP does not define (OpenTelemetry's name for it).
OTHER_METHOD = "_OTHER"

#: RFC 9110 and RFC 5789. A client may invent others; they must not become label values.
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH"))


class RequestRecord(NamedTuple):
    """What is known of a request when its body has been closed. Durations are in nanoseconds.

    A NamedTuple, as it is the cheapest frozen thing: one is built per request.
    """

    identity: Identity
    started_at: float  # Unix time in seconds
    duration_ns: int
    first_byte_ns: int  # until the first byte of the body was handed to the server
    queue_ns: int | None  # waited in front of the application, from X-Request-Start of a trusted proxy
    outcome: Outcome
    method: str  # upper case; OTHER_METHOD for verbs that HTTP does not define
    scheme: str  # http or https
    path: str  # without the query string; secrets in it masked
    query: str  # the allowed keys only, or ""
    route: str | None  # the pattern of the URLconf, "" for its root; None when none matched
    view: str  # namespaced URL name or dotted path, or "" when none matched
    status: int
    request_bytes: int  # Content-Length of the request; 0 when there is none
    response_bytes: int  # bytes of the body that were handed to the server
    streaming: bool
    charset: str
    template: str | None  # the response's template name(s) where it is a TemplateResponse
    ajax: bool
    client_address: str  # "" when the server does not know it
    user_agent: str
    user_id: str | None  # only of a user whom the application has loaded already
    db_count: int
    db_duration_ns: int
    error: BaseException | None  # what the view or a middleware raised
