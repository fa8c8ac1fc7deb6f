"""One request, one truth: identity, endpoints, clock, and one record for both sinks when the body is closed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from django_ops.conf import conf
from django_ops.exchange import Exchange, Rules
from django_ops.health import endpoints as health
from django_ops.metrics import endpoint as metrics

Endpoint = Callable[[HttpRequest], HttpResponseBase | None]
AsyncEndpoint = Callable[[HttpRequest], Awaitable[HttpResponseBase | None]]
GetResponse = Callable[[HttpRequest], Any]


class OpsMiddleware:
    """The outermost middleware, native in both modes: no thread is crossed for its sake under ASGI."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        self.rules = Rules()
        self.endpoints: dict[str, Endpoint] = _enabled(
            (conf.OPS_LIVEZ_PATH, health.livez),
            (conf.OPS_READYZ_PATH, health.readyz),
            (conf.OPS_METRICS_PATH, metrics.answer),
        )
        self.async_endpoints: dict[str, AsyncEndpoint] = _enabled(
            (conf.OPS_LIVEZ_PATH, _alivez),
            (conf.OPS_READYZ_PATH, health.areadyz),
            (conf.OPS_METRICS_PATH, sync_to_async(metrics.answer, thread_sensitive=False)),
        )
        got_request_exception.connect(_on_exception, dispatch_uid="django_ops.middleware")

    def __call__(self, request: HttpRequest) -> Any:
        """Handle a request; under ASGI return what there is to await."""
        if self.is_async:
            return self._acall(request)
        endpoint = self.endpoints.get(request.path_info)
        if endpoint is not None:
            return endpoint(request) or self.get_response(request)
        exchange = Exchange(request, self.rules)
        try:
            return exchange.respond(self.get_response(request))
        except BaseException as error:
            exchange.abort(error)
            raise

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        endpoint = self.async_endpoints.get(request.path_info)
        if endpoint is not None:
            return await endpoint(request) or await self.get_response(request)
        exchange = Exchange(request, self.rules)
        exchange.task = asyncio.current_task()
        try:
            return exchange.respond(await self.get_response(request))
        except BaseException as error:
            exchange.abort(error)
            raise


def _enabled(*pairs: tuple[str, Any]) -> dict[str, Any]:
    return {path: endpoint for path, endpoint in pairs if path}


async def _alivez(request: HttpRequest) -> HttpResponseBase:
    return health.livez(request)


def _on_exception(sender: Any, request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Remember what a view or a middleware raised; Django tells of it just before it answers 500."""
    exchange = getattr(request, "ops", None)
    if isinstance(exchange, Exchange):
        exchange.error = sys.exc_info()[1]
