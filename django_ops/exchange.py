"""One request and its response while they last: measured once, then handed on as a frozen record."""

from __future__ import annotations

import asyncio
import sys
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from time import perf_counter_ns
from typing import Any, cast

from django.http import HttpRequest, UnreadablePostError
from django.http.response import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse

from django_ops import facts, logs
from django_ops.facts import Rules
from django_ops.metrics import observe
from django_ops.metrics.lost import record_lost
from django_ops.record import redaction
from django_ops.record.context import Context, current
from django_ops.record.outcome import CLIENT_CLOSED_REQUEST, Outcome, classify
from django_ops.record.queue import queue_ns
from django_ops.record.request import METHODS, OTHER_METHOD, RequestRecord

_OK = Outcome.OK  # an attribute of an Enum is slow to look up

_NO_HEADER = ("", "")

#: Statuses whose response has no body on the wire, whatever the application put into it.
_BODILESS = (204, 304)


class Exchange:
    """The measuring of one request. `close` is called when the body is closed, and does its work once.

    The response refers to it, and it does not refer to the response: a response that its server forgets to
    close is freed at once, and `__del__` ends the request.
    """

    # fast to read, which class attributes as defaults are not
    __slots__ = (
        "__weakref__", "announced_bytes", "bytes_sent", "charset", "context", "disconnected", "exhausted",
        "first_byte_ns", "handled", "is_complete", "is_done", "is_streaming", "outer", "request", "rules", "started_at",
        "started_ns", "status", "task", "template",
    )  # fmt: skip

    def __init__(self, request: HttpRequest, rules: Rules) -> None:
        self.started_at = time.time()
        self.started_ns = perf_counter_ns()
        self.rules = rules
        self.request: HttpRequest | None = request
        self.is_done = self.is_streaming = self.disconnected = False
        self.exhausted = False  # the stream was read to its end
        self.is_complete = False  # the client has got all of a body of several parts (ASGI)
        self.announced_bytes = -1  # Content-Length of a stream that has one
        self.bytes_sent = self.first_byte_ns = 0
        self.status = 0  # no response yet
        self.charset = ""
        self.template: str | None = None
        self.task: weakref.ref[asyncio.Task[Any]] | None = None
        #: An exception that our caller handles, and that is not ours.
        self.handled: BaseException | None = sys.exception()
        #: Of the request or task within which this one is handled.
        self.outer: Context | None = current.get()
        self.context = context = Context(rules.identity(request.META))
        request.ops = context  # type: ignore[attr-defined]
        # not reset before the body is closed: what a stream logs and queries belongs to its request
        current.set(context)
        try:
            observe.request_began()
        except Exception as error:
            record_lost("metrics", error)

    def run_in(self, task: asyncio.Task[Any] | None) -> None:
        """Take note of the task that handles the request, under ASGI."""
        if task is not None:
            # weak: a task keeps its result, the response, which keeps this
            self.task = weakref.ref(task)

    def respond(self, response: HttpResponseBase) -> HttpResponseBase:
        """Take the response: name the request in it, and learn when its body is closed."""
        self.first_byte_ns = perf_counter_ns() - self.started_ns
        self.status = response.status_code
        headers, charset = response.headers._store, response._charset  # type: ignore[attr-defined]
        self.charset = charset if charset is not None else facts.charsets[headers.get("content-type", _NO_HEADER)[1]]
        # as `response.headers["X-Request-ID"] = ...`, without looking for what no id of ours contains
        headers["x-request-id"] = ("X-Request-ID", self.context.identity.request_id)
        if response.streaming:
            self.is_streaming = True
            self._follow(cast(StreamingHttpResponse, response))
        elif isinstance(response, HttpResponse):
            parts = response._container  # type: ignore[attr-defined]
            # as `len(response.content)`, which joins them
            self.bytes_sent = self.announced_bytes = len(parts[0]) if len(parts) == 1 else len(response.content)
            if isinstance(response, SimpleTemplateResponse):
                self.template = facts.template(response)
        response._resource_closers.append(self.close)  # type: ignore[attr-defined]
        return response

    def _follow(self, response: StreamingHttpResponse) -> None:
        """Count the bytes of a stream on their way."""
        length = response.headers.get("Content-Length", "")
        if length.isdecimal():
            self.announced_bytes = int(length)
        if (
            isinstance(response, FileResponse)
            and response.file_to_stream is not None
            and "wsgi.file_wrapper" in getattr(self.request, "environ", {})
        ):
            # the server sends the file itself (sendfile): to wrap it would make it pass through Python
            self.bytes_sent = max(0, self.announced_bytes)
            self.exhausted = True
            return
        # not `streaming_content`, which refers to the response: a forgotten one would wait for the collector
        parts = response._iterator  # type: ignore[attr-defined]
        response.streaming_content = self._afollowed(parts) if response.is_async else self._followed(parts)

    def _followed(self, parts: Iterator[Any]) -> Iterator[bytes]:
        try:
            for part in parts:
                yield self._counted(part)
        except Exception as error:
            self.fail(error)
            raise
        self.exhausted = True

    async def _afollowed(self, parts: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        try:
            async for part in parts:
                yield self._counted(part)
        except Exception as error:
            self.fail(error)
            raise
        self.exhausted = True

    def _counted(self, part: Any) -> bytes:
        chunk = part if type(part) is bytes else facts.as_bytes(part, self.charset)
        if not self.bytes_sent:
            self.first_byte_ns = perf_counter_ns() - self.started_ns
        self.bytes_sent += len(chunk)
        return chunk

    def is_last_part(self, passed_bytes: int, more: bool) -> bool:
        """Tell whether a client has all of a body of several parts when so many bytes have been sent (ASGI)."""
        return not self.is_complete and (not more or passed_bytes == self.announced_bytes)

    def client_left(self) -> None:
        """Take it that the client has gone, unless all that it asked for has been sent (ASGI)."""
        task = self.task() if self.task is not None else None
        if task is not None and not task.done() and not self.is_complete:
            self.disconnected = True

    def fail(self, error: Exception) -> None:
        """End a stream that raised. Django's ASGI handler does not close the response of such a one."""
        self.context.error = error
        self._finish(Outcome.EXCEPTION)

    def abort(self, error: BaseException) -> None:
        """End a request that never got a response: it was cancelled, its worker was stopped, or even Django's
        handling of its exception raised."""
        if isinstance(error, Exception):
            self.fail(error)
            return
        if not isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self.context.error = error
        self._finish(Outcome.CANCELLED)

    def close(self) -> None:
        """End the request, as its body has been closed."""
        if self.is_done:
            return
        raised = sys.exception()
        if raised is not None and raised is not self.handled:
            # a WSGI server closes the body while it handles its own failure to send it
            if not isinstance(raised, (Exception, GeneratorExit)):
                self.abort(raised)
                return
            self.disconnected = True
        elif self.is_streaming or self.task is not None:
            self.disconnected = self._has_lost_its_client()
        error = self.context.error
        if error is None and self.status < 300 and not self.is_streaming and not self.disconnected:
            self._finish(_OK)
            return
        if isinstance(error, UnreadablePostError):
            self.context.error = None  # no fault of the view: the client left while its body was read
            self.disconnected = True
        self._finish(
            classify(
                self.status,
                routed=self.request is not None and self.request.resolver_match is not None,
                streaming=self.is_streaming,
                raised=self.context.error is not None,
                disconnected=self.disconnected,
            )
        )

    def _has_lost_its_client(self) -> bool:
        """Tell whether the client left before it had all of the body, now that the body is closed."""
        task = self.task() if self.task is not None else None
        has_left = (
            self.disconnected
            or (self.is_streaming and not self.exhausted)
            # Django cancels the task of a client that left, and swallows that while the body is sent
            or (task is not None and task.cancelling() > 0)
        )
        return has_left and not self.is_complete and self._has_body()  # whoever has got what there is may go

    def _has_body(self) -> bool:
        return self.request is not None and self.request.method != "HEAD" and self.status not in _BODILESS

    def abandon(self) -> None:
        """End a request of which its server forgot to close the body, or was stopped before it could."""
        if not self.is_done:
            self._finish(Outcome.CANCELLED)

    def __del__(self) -> None:
        # a server that failed between the response and its body forgets to close it
        if not self.is_done:
            # The garbage collector may call this while the same thread is within `ContextVar.set`, which crashes
            # the interpreter when it is entered again: the closed context stays until the next request sets its own.
            self._finish(Outcome.CANCELLED, restores_context=False)

    def _finish(self, outcome: Outcome, *, restores_context: bool = True) -> None:
        if self.is_done:
            return
        self.is_done = True
        context = self.context
        try:
            record = self._record(outcome)
        except Exception as error:
            record_lost("record", error)
            return
        finally:
            context.is_open = False
            self.request = context.error = self.handled = None  # the cycles end here
            if restores_context and current.get() is context:
                outer = self.outer
                current.set(outer if outer is not None and outer.is_open else None)
            self.outer = None
        try:
            observe.observe_request(record)
        except Exception as error:
            record_lost("metrics", error)
        try:
            logs.emit_request(record)
        except Exception as error:
            record_lost("logs", error)

    def _status(self, outcome: Outcome) -> int:
        """Return the status that tells what became of the request; what was sent where that is the truth."""
        if outcome is Outcome.DISCONNECT:
            return CLIENT_CLOSED_REQUEST
        if outcome is Outcome.CANCELLED:
            task = self.task() if self.task is not None else None
            # a response that was never sent and never closed: its server failed on it, and answers 500
            failed_to_send = self.status and (task is None or not task.cancelling())
            return 500 if failed_to_send or self.context.error is not None else CLIENT_CLOSED_REQUEST
        return self.status or 500

    def _record(self, outcome: Outcome) -> RequestRecord:
        duration_ns = perf_counter_ns() - self.started_ns
        request, context, rules = cast(HttpRequest, self.request), self.context, self.rules
        meta = request.META
        method, path, match = request.method, request.path, request.resolver_match
        route, view = None, ""
        if match is not None:
            route, view = match.route, match.view_name
            kwargs = match.kwargs
            if kwargs and redaction.any_is_hidden(kwargs):
                path = redaction.mask_path(path, kwargs)
        peer = meta.get("REMOTE_ADDR", "")
        forwarded_for = meta.get("HTTP_X_FORWARDED_FOR")
        queued_since = meta.get("HTTP_X_REQUEST_START")
        # as RequestRecord(...), at a third of its cost
        fields = (
            context.identity,
            self.started_at,
            duration_ns,
            self.first_byte_ns or duration_ns,
            queue_ns(queued_since, self.started_at)
            if queued_since is not None and rules.proxies.contains(peer)
            else None,
            outcome,
            method if method in METHODS else OTHER_METHOD,
            "http" if rules.asks_no_proxy and meta.get("wsgi.url_scheme") == "http" else rules.scheme(request),
            path,
            redaction.allowed_query(meta.get("QUERY_STRING", ""), rules.query_keys) if rules.query_keys else "",
            route,
            view,
            self.status if outcome is _OK else self._status(outcome),
            facts.content_length(meta) if meta.get("CONTENT_LENGTH") else 0,
            self.bytes_sent if method != "HEAD" and self.status not in _BODILESS else 0,
            self.is_streaming,
            self.charset,
            self.template,
            meta.get("HTTP_X_REQUESTED_WITH") == "XMLHttpRequest",
            rules.clients[forwarded_for] if forwarded_for and rules.proxies.contains(peer) else peer,
            meta.get("HTTP_USER_AGENT", ""),
            facts.user_id(request) if "user" in request.__dict__ or "_acached_user" in request.__dict__ else None,
            context.db_count,
            context.db_duration_ns,
            context.error,
        )
        return tuple.__new__(RequestRecord, fields)
