"""For proxy mode: `application = gate(get_asgi_application())`, so that bodies are streams and websockets arrive."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django_ops.access.gate.proxy_body import SCOPE_KEY, Body, Message
from django_ops.access.gate.registry import services
from django_ops.conf import conf

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger("django_ops.access.gate")


def gate(application: Application) -> Application:
    """Wrap an ASGI application. Where OPS_GATE_MODE is not "proxy", all goes through as it is.

    Websockets under OPS_GATE_PREFIX are carried to the UIs. For requests to a UI, Django is told that the body is
    empty, and the view reads the true one: otherwise Django would write each upload to a file first.
    """

    async def gated(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if conf.OPS_GATE_MODE != "proxy":
            await application(scope, receive, send)
        elif kind == "lifespan":
            await _live(application, scope, receive, send)
        elif kind == "websocket" and scope["path"].startswith(conf.OPS_GATE_PREFIX):
            from django_ops.access.gate import websocket  # needs aiohttp

            await websocket.serve(dict(scope), receive, send)
        elif kind == "http" and _is_for_a_ui(scope["path"]):
            body = Body(receive)
            await application({**scope, SCOPE_KEY: body}, body.receive, send)
        else:
            await application(scope, receive, send)

    return gated


def _is_for_a_ui(path: str) -> bool:
    if not path.startswith(conf.OPS_GATE_PREFIX):
        return False
    name, slash, _ = path[len(conf.OPS_GATE_PREFIX) :].partition("/")
    return bool(slash) and name in services()


async def _live(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Close the connections to the UIs when the server shuts down, whether or not the application takes part."""
    has_asked = False

    async def asked_receive() -> Message:
        nonlocal has_asked
        has_asked = True
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await _close()
        return message

    try:
        await application(scope, asked_receive, send)
    except Exception:
        if has_asked:
            raise
        # Django's own application takes no part in it
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await _close()
        await send({"type": "lifespan.shutdown.complete"})


async def _close() -> None:
    from django_ops.access.gate import proxy_client

    await proxy_client.close()
