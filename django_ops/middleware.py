"""One request, one truth: identity, endpoints, clock, and one record for both sinks when the body is closed."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import got_request_exception, setting_changed
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from django_ops import malformed
from django_ops.access.gate import auth as gate
from django_ops.conf import Configuration, conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.exchange import Exchange
from django_ops.facts import Rules
from django_ops.health import drain
from django_ops.health import endpoints as health
from django_ops.metrics import endpoint as metrics
from django_ops.patches import patch
from django_ops.record import telemetry
from django_ops.record.context import Context

Endpoint = Callable[[HttpRequest], HttpResponseBase | None]
AsyncEndpoint = Callable[[HttpRequest], Awaitable[HttpResponseBase | None]]
GetResponse = Callable[[HttpRequest], Any]

#: Where an ASGI scope has its _Client.
_SCOPE_KEY = "django_ops.client"

#: Turns of the event loop before the last part of a body is sent: a server that failed to write the part before
#: (the client has gone) says so only then.
_TURNS = 3


class OpsMiddleware:
    """The outermost middleware, native in both modes: no thread is crossed for its sake under ASGI."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
            patch(ASGIHandler, "handle", _listening)
        malformed.mend_django()
        if telemetry.MODULE in sys.modules:  # Django looks for this method once, and calls it for each view
            self.process_view = _atake_span if self.is_async else _take_span
        self._read_settings()
        setting_changed.connect(self._on_setting_changed)
        got_request_exception.connect(_on_exception, dispatch_uid="django_ops.middleware")

    def _on_setting_changed(self, *, setting: str, **kwargs: Any) -> None:
        """Let a test's `override_settings` have its effect, also where its client was used before."""
        if setting.startswith("OPS_") or setting == "SECURE_PROXY_SSL_HEADER":
            with suppress(ImproperlyConfiguredError):  # that is for whoever loads the middleware with it
                self._read_settings()

    def _read_settings(self) -> None:
        self.rules = Rules()
        self.problem = malformed.problem if Configuration.OPS_REFUSE_MALFORMED.usable() else malformed.no_problem
        livez_path = Configuration.OPS_LIVEZ_PATH.usable()
        readyz_path = Configuration.OPS_READYZ_PATH.usable()
        metrics_path = Configuration.OPS_METRICS_PATH.usable()
        self.endpoints: dict[str, Endpoint] = _enabled(
            (livez_path, health.livez),
            (readyz_path, health.readyz),
            (metrics_path, metrics.answer),
        )
        self.async_endpoints: dict[str, AsyncEndpoint] = _enabled(
            (livez_path, _alivez),
            (readyz_path, health.areadyz),
            (metrics_path, sync_to_async(metrics.answer, thread_sensitive=False)),
        )
        # None where nobody asks: a request-target may begin with anything, not only with a slash
        self.gate_path: str | None = (
            Configuration.OPS_GATE_AUTH_PATH.usable() if conf.OPS_GATE_MODE == "nginx" else None
        )

    def __call__(self, request: HttpRequest) -> Any:
        """Handle a request; under ASGI return what there is to await."""
        if self.is_async:
            return self._acall(request)
        endpoint = self.endpoints.get(request.path_info)
        if endpoint is not None:
            return endpoint(request) or self.get_response(request)
        if self.gate_path is not None and request.path_info.startswith(self.gate_path):
            return gate.answer(request)
        exchange = Exchange(request, self.rules)
        try:
            if (problem := self.problem(request)) is not None:
                return exchange.respond(malformed.refusal(problem))
            return exchange.respond(self.get_response(request))
        except BaseException as error:
            exchange.abort(error)
            raise
        finally:
            del exchange  # a traceback that somebody keeps has this frame

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        endpoint = self.async_endpoints.get(request.path_info)
        if endpoint is not None:
            return await endpoint(request) or await self.get_response(request)
        if self.gate_path is not None and request.path_info.startswith(self.gate_path):
            return await gate.aanswer(request)
        exchange = Exchange(request, self.rules)
        exchange.run_in(asyncio.current_task())
        scope = getattr(request, "scope", None)
        client = scope.get(_SCOPE_KEY) if scope is not None else None
        if client is not None:
            client.exchange = exchange
        try:
            if (problem := self.problem(request)) is not None:
                return exchange.respond(malformed.refusal(problem))
            response = exchange.respond(await self.get_response(request))
            if drain.has_begun():
                _close_connection(scope, response)
            return response
        except BaseException as error:
            exchange.abort(error)
            raise
        finally:
            del exchange  # a traceback that somebody keeps has this frame


def _enabled(*pairs: tuple[str, Any]) -> dict[str, Any]:
    return {path: endpoint for path, endpoint in pairs if path}


async def _alivez(request: HttpRequest) -> HttpResponseBase:
    return health.livez(request)


def _take_span(request: HttpRequest, *view: Any) -> None:
    """Go on with the span of OpenTelemetry's middleware where that stands behind this one, and begins it only now."""
    context = getattr(request, "ops", None)
    if isinstance(context, Context):
        context.identity = telemetry.within_span(context.identity)


async def _atake_span(request: HttpRequest, *view: Any) -> None:
    _take_span(request)


def _close_connection(scope: Any, response: HttpResponseBase) -> None:
    """Ask the server to close the connection after this response, so that the next request goes to another one.

    RFC 9112, 9.6; only HTTP/1 has it (RFC 9113, 8.2.2), and only an ASGI server takes it from the application
    (PEP 3333 forbids it; for gunicorn's other workers `gunicorn_drain` does it).
    """
    if scope is not None and scope.get("http_version", "1.1") in ("1.0", "1.1"):
        response.headers["Connection"] = "close"


def _on_exception(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Remember what a view or a middleware raised; Django tells of it just before it answers 500."""
    context = getattr(request, "ops", None)
    if isinstance(context, Context) and context.is_open:
        context.error = sys.exc_info()[1]


class _Client:
    """The two ends of one ASGI connection, as Django's handler sees them."""

    __slots__ = ("_is_fresh", "_passed_bytes", "_receive", "_send", "exchange")

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._is_fresh = True
        self._passed_bytes = 0
        #: What measures this request, once the middleware has begun it and until the handler ends: it has the request,
        #: whose scope has us.
        self.exchange: Exchange | None = None

    def end(self) -> None:
        """End the request, unless it has ended, and forget it."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon()

    def receive(self) -> Awaitable[Any]:
        """Pass on what the client sends, and take note when it has gone."""
        if self._is_fresh:  # Django reads the body before there is anything to measure
            self._is_fresh = False
            received: Awaitable[Any] = self._receive()
            return received
        return self._listen()

    async def _listen(self) -> Any:
        message = await self._receive()
        if self.exchange is not None and message["type"] == "http.disconnect":
            self.exchange.client_left()
        return message

    def send(self, message: Any) -> Awaitable[None]:
        """Pass on what Django sends. Costs nothing where the body is one part, as most are."""
        if self._passed_bytes or message.get("more_body"):
            return self._send_part(message)
        sent: Awaitable[None] = self._send(message)
        return sent

    async def _send_part(self, message: Any) -> None:
        self._passed_bytes += len(message.get("body", b""))
        exchange = self.exchange
        if exchange is None or not exchange.is_last_part(self._passed_bytes, bool(message.get("more_body"))):
            await self._send(message)
            return
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await self._send(message)
        exchange.is_complete = not exchange.disconnected


def _listening(handle: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Let an Exchange learn what Django's ASGI handler learns of its client, and that the handler has ended.

    Django cancels the task of a client that left, but only while that task waits. A body that lies there whole
    is not waited for: servers take the rest of it and throw it away, and the request would look like a success.
    """

    @functools.wraps(handle)
    async def listening_handle(self: ASGIHandler, scope: Any, receive: Any, send: Any) -> None:
        scope[_SCOPE_KEY] = client = _Client(receive, send)
        try:
            await handle(self, scope, client.receive, client.send)
        finally:
            client.end()  # by a call, as a traceback that somebody keeps has this frame

    return listening_handle
