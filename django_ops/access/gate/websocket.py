"""Websockets of the UIs: an ASGI application that opens one to the UI for each that a browser opens to us."""

from __future__ import annotations

import io
import logging
import time
from typing import Any

from django.core.handlers.asgi import ASGIRequest

from django_ops.access.gate import proxy_client
from django_ops.access.gate.proxy_client import UpstreamError
from django_ops.access.gate.proxy_entry import Entry, admit, front_of, headers_of, raw_path_of, raw_query_of, watch
from django_ops.access.gate.proxy_headers import Headers, identity_names, request_headers
from django_ops.access.gate.proxy_paths import UnsafePathError, upstream_target
from django_ops.access.gate.proxy_relay import ABNORMAL, GATE, POLICY, Ending, Receive, Relay, Send
from django_ops.access.gate.registry import Service, services
from django_ops.conf import conf
from django_ops.metrics import catalog
from django_ops.metrics.lost import hand_to

logger = logging.getLogger("django_ops.access.gate")

_SCHEMES = {"ws": "http", "wss": "https"}

#: ASGI: lets an application refuse a handshake with a status of its own, and not always with 403.
_DENIAL = "websocket.http.response"


async def serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer one handshake, and carry the websocket until it ends."""
    if (await receive())["type"] != "websocket.connect":
        return
    status, entry, target = await _judge(scope)
    if entry is None:
        await _deny(scope, send, status)
        return
    try:
        upstream = await proxy_client.open_websocket(
            entry.service, target, _headers(entry), scope.get("subprotocols", ())
        )
    except UpstreamError as error:
        error.report()
        await _deny(scope, send, error.status)
        return
    started_at = time.monotonic()
    relay = Relay(receive, send, upstream, entry.service.max_body_bytes)
    hand_to("metrics", _count, entry.service, 1)
    ending = Ending(GATE, ABNORMAL)
    try:
        with watch(entry, lambda: relay.end(Ending(GATE, POLICY, "access has ended"))):
            ending = await relay.run()
    finally:
        hand_to("metrics", _count, entry.service, -1)
        _tell(entry, ending, time.monotonic() - started_at)


def _count(service: Service, change: int) -> None:
    catalog.GATE_WEBSOCKETS.inc(service.name, amount=change)


async def _judge(scope: dict[str, Any]) -> tuple[int, Entry | None, str]:
    """Return the status that a handshake gets, 101 with who was let in and what to ask the UI for."""
    try:
        # Django's own reading of headers, cookies and hosts, for the same rules as everywhere
        scheme = _SCHEMES.get(scope.get("scheme", "ws"), "http")
        request = ASGIRequest({**scope, "type": "http", "method": "GET", "scheme": scheme}, io.BytesIO())
    except UnicodeDecodeError:
        return 400, None, ""
    service = _service_at(scope["path"])
    if service is None:
        return 404, None, ""
    entry = await admit(request, service, is_websocket=True)
    if not entry.decision.is_allowed:
        return entry.decision.status, None, ""
    try:
        return 101, entry, upstream_target(service, raw_path_of(request), raw_query_of(request))
    except UnsafePathError:
        return 400, None, ""


def _service_at(path: str) -> Service | None:
    name, slash, _ = path.removeprefix(conf.OPS_GATE_PREFIX).partition("/")
    return services().get(name) if slash else None


def _headers(entry: Entry) -> Headers:
    """Return what the UI is sent; the client library adds what makes it a handshake."""
    request = entry.request
    return request_headers(
        headers_of(request),
        entry.service,
        front_of(request),
        identity=entry.identity,
        identity_names=identity_names(services().values()),
    )


async def _deny(scope: dict[str, Any], send: Send, status: int) -> None:
    if _DENIAL in scope.get("extensions", {}):
        headers = [(b"cache-control", b"no-store"), (b"content-length", b"0")]
        await send({"type": f"{_DENIAL}.start", "status": status, "headers": headers})
        await send({"type": f"{_DENIAL}.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": POLICY})


def _tell(entry: Entry, ending: Ending, seconds: float) -> None:
    """Leave a line, as the middleware does for a request, which a websocket is none of."""
    logger.info(
        "A websocket to %s ended.",
        entry.service.name,
        extra={
            "gate_service": entry.service.name,
            "gate_user": entry.person.key if entry.person is not None else "",
            "gate_seconds": round(seconds, 3),
            "gate_ended_by": ending.by,
            "gate_close_code": ending.code,
        },
    )
