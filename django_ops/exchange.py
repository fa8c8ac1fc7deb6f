"""One request and its response while they last: measured once, then handed on as a frozen record."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from time import perf_counter_ns
from typing import Any, cast

from django.http import HttpRequest
from django.http.response import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse

from django_ops import facts, logs
from django_ops.conf import conf
from django_ops.guard.trust import Networks, client_address
from django_ops.metrics import observe
from django_ops.metrics.catalog import RECORDS_LOST
from django_ops.record import redaction, telemetry
from django_ops.record.context import Context, current
from django_ops.record.identity import Identity, accept_identity, new_identity
from django_ops.record.outcome import CLIENT_CLOSED_REQUEST, Outcome, classify
from django_ops.record.queue import queue_ns
from django_ops.record.request import METHODS, OTHER_METHOD, RequestRecord


class Rules:
    """What the settings say about requests, read once when the middleware is loaded."""

    def __init__(self) -> None:
        self.proxies = Networks(conf.OPS_TRUSTED_PROXIES)
        self.query_keys = frozenset(conf.OPS_LOG_QUERY_KEYS)


class Exchange:
    """The measuring of one request. `close` is called when the body is closed, and does its work once."""

    __slots__ = (
        "context", "disconnected", "error", "exhausted", "first_byte_ns", "is_done", "is_streaming", "request",
        "response", "response_bytes", "rules", "started_at", "started_ns", "task",
    )  # fmt: skip

    def __init__(self, request: HttpRequest, rules: Rules) -> None:
        self.started_at = time.time()
        self.started_ns = perf_counter_ns()
        self.rules = rules
        self.request: HttpRequest | None = request
        self.response: HttpResponseBase | None = None
        self.task: asyncio.Task[Any] | None = None
        self.error: BaseException | None = None
        self.first_byte_ns = 0
        self.response_bytes = 0
        self.is_streaming = False
        self.exhausted = False
        self.disconnected = False
        self.is_done = False
        self.context = Context(self._identity(request))
        request.ops = self  # type: ignore[attr-defined]
        # not reset before the body is closed: what a stream logs and queries belongs to its request
        current.set(self.context)
        observe.request_began()

    @property
    def request_id(self) -> str:
        """The id that the response carries in `X-Request-ID`."""
        return self.context.identity.request_id

    def _identity(self, request: HttpRequest) -> Identity:
        meta = request.META
        traceparent = meta.get("HTTP_TRACEPARENT")
        request_id = meta.get("HTTP_X_REQUEST_ID")
        if request_id is not None and not self.rules.proxies.contains(meta.get("REMOTE_ADDR", "")):
            request_id = None
        identity = accept_identity(traceparent, request_id) if traceparent or request_id else new_identity()
        span = telemetry.current_span()
        if span is None:
            return identity
        return Identity(identity.request_id if traceparent or request_id else span[0], *span)

    def respond(self, response: HttpResponseBase) -> HttpResponseBase:
        """Take the response: name the request in it, and learn when its body is closed."""
        self.first_byte_ns = perf_counter_ns() - self.started_ns
        self.response = response
        response.headers["X-Request-ID"] = self.context.identity.request_id
        if response.streaming:
            self.is_streaming = True
            self._follow(cast(StreamingHttpResponse, response))
        elif isinstance(response, HttpResponse):
            self.response_bytes = len(response.content)
        response._resource_closers.append(self.close)  # type: ignore[attr-defined]
        return response

    def _follow(self, response: StreamingHttpResponse) -> None:
        """Count the bytes of a stream on their way."""
        if (
            isinstance(response, FileResponse)
            and response.file_to_stream is not None
            and "wsgi.file_wrapper" in getattr(self.request, "environ", {})
        ):
            # the server sends the file itself (sendfile): to wrap it would make it pass through Python
            length = response.headers.get("Content-Length", "")
            self.response_bytes = int(length) if length.isdecimal() else 0
            self.exhausted = True
            return
        chunks = response.streaming_content
        response.streaming_content = (
            self._afollowed(cast("AsyncIterator[bytes]", chunks))
            if response.is_async
            else self._followed(cast("Iterator[bytes]", chunks))
        )

    def _followed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            for chunk in chunks:
                self._count(chunk)
                yield chunk
        except Exception as error:
            self.fail(error)
            raise
        self.exhausted = True

    async def _afollowed(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks:
                self._count(chunk)
                yield chunk
        except Exception as error:
            self.fail(error)
            raise
        self.exhausted = True

    def _count(self, chunk: bytes) -> None:
        if not self.response_bytes:
            self.first_byte_ns = perf_counter_ns() - self.started_ns
        self.response_bytes += len(chunk)

    def fail(self, error: Exception) -> None:
        """End a stream that raised. Django's ASGI handler does not close the response of such a one."""
        self.error = error
        self._finish(self._outcome())

    def abort(self, error: BaseException) -> None:
        """End a request that never got a response: its task was cancelled, or its worker stopped."""
        if not isinstance(error, asyncio.CancelledError):
            self.error = error
        self._finish(Outcome.CANCELLED)

    def close(self) -> None:
        """End the request, as its body has been closed."""
        raised = sys.exc_info()[1]
        if isinstance(raised, OSError):
            # a WSGI server closes the body while it handles its own failure to send it
            self.disconnected = True
        elif self.task is not None and self.task.cancelling():
            # Django cancels the task of a client that left, and swallows that while the body is sent
            self.disconnected = True
        elif self.is_streaming and not self.exhausted and self.request is not None:
            self.disconnected = self.request.method != "HEAD"
        self._finish(self._outcome())

    def __del__(self) -> None:
        # a server that failed between the response and its body forgets to close it
        if not self.is_done:
            self._finish(Outcome.CANCELLED)

    def _outcome(self) -> Outcome:
        response, request = self.response, self.request
        return classify(
            response.status_code if response is not None else 0,
            routed=request is not None and request.resolver_match is not None,
            streaming=self.is_streaming,
            raised=self.error is not None,
            disconnected=self.disconnected,
        )

    def _finish(self, outcome: Outcome) -> None:
        if self.is_done:
            return
        self.is_done = True
        try:
            record = self._record(outcome)
        except Exception as error:
            _lost("record", error)
            return
        finally:
            current.set(None)
            self.request = self.response = self.task = self.error = None  # the cycles end here
        for name, sink in (("metrics", observe.observe_request), ("logs", logs.emit_request)):
            try:
                sink(record)
            except Exception as error:
                _lost(name, error)

    def _record(self, outcome: Outcome) -> RequestRecord:
        duration_ns = perf_counter_ns() - self.started_ns
        request, response = cast(HttpRequest, self.request), self.response
        meta = request.META
        peer = meta.get("REMOTE_ADDR", "")
        forwarded_for = meta.get("HTTP_X_FORWARDED_FOR", "")
        queued_since = meta.get("HTTP_X_REQUEST_START")
        match = request.resolver_match
        if outcome is Outcome.CANCELLED:
            status = 500 if self.error is not None else CLIENT_CLOSED_REQUEST
        elif outcome is Outcome.DISCONNECT:
            status = CLIENT_CLOSED_REQUEST
        else:
            status = response.status_code if response is not None else 500
        return RequestRecord(
            self.context.identity,
            self.started_at,
            duration_ns,
            self.first_byte_ns or duration_ns,
            queue_ns(queued_since, self.started_at)
            if queued_since is not None and self.rules.proxies.contains(peer)
            else None,
            outcome,
            request.method if request.method in METHODS else OTHER_METHOD,
            facts.scheme(request),
            redaction.mask_path(request.path, match.kwargs if match is not None else {}),
            redaction.allowed_query(meta.get("QUERY_STRING", ""), self.rules.query_keys),
            match.route if match is not None else "",
            match.view_name if match is not None else "",
            status,
            facts.content_length(meta),
            0 if request.method == "HEAD" else self.response_bytes,
            self.is_streaming,
            facts.charset(response),
            facts.template(response),
            meta.get("HTTP_X_REQUESTED_WITH") == "XMLHttpRequest",
            client_address(peer, forwarded_for, self.rules.proxies) if forwarded_for else peer,
            meta.get("HTTP_USER_AGENT", ""),
            facts.user_id(request),
            self.context.db_count,
            self.context.db_duration_ns,
            self.error,
        )


def _lost(sink: str, error: Exception) -> None:
    """Say that a record was lost: the request itself must not suffer from its own measuring."""
    RECORDS_LOST.inc(sink)
    print(f"django-ops: a record was lost in {sink}: {error!r}", file=sys.stderr)  # noqa: T201
