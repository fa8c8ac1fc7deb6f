"""Django in proxy mode within the process of the test: an ASGI server of one connection, and a UI behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from django.core.handlers.asgi import ASGIHandler

from django_ops.access.gate import proxy_client
from django_ops.access.gate.asgi import gate
from django_ops.access.gate.decision import Person
from tests.integration.proxy_site.upstream import dispatch, events
from tests.unit.handlers import scope

PATIENCE_SECONDS = 10.0

ADA = Person("7", "ada", "ada@site.example", may_open=True, role="Viewer")

#: A cookie for whoever looks at it; who somebody is, is told by the tests.
SESSION = (b"cookie", b"sessionid=secret")
OWN = (b"sec-fetch-site", b"same-origin")

RawHeaders = Iterable[tuple[bytes, bytes]]


async def until_more(event: str, before: int) -> None:
    """Wait until the UI has seen an event more often than `before`."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while events[event] == before:
            await asyncio.sleep(0.01)


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    is_complete: bool

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Connection:
    """One connection to an ASGI application: what the client sends is put in, what it gets is kept."""

    def __init__(self, application: Any, asked: dict[str, Any]) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []
        self.has_news = asyncio.Event()
        self.fails_to_send: Exception | None = None
        self.task = asyncio.create_task(application(asked, self.incoming.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        if self.fails_to_send is not None:
            raise self.fails_to_send
        self.sent.append(message)
        self.has_news.set()
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.incoming.put_nowait({"type": "http.disconnect"})

    def put(self, kind: str, **content: Any) -> None:
        """Let the client send something."""
        self.incoming.put_nowait({"type": kind, **content})

    async def until(self, kind: str) -> dict[str, Any]:
        """Wait for a message of this kind, and take it out."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for message in self.sent:
                    if message["type"] == kind:
                        self.sent.remove(message)
                        return message
                self.has_news.clear()
                await self.has_news.wait()

    async def end(self) -> None:
        """Wait until the application has ended."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.task

    def answer(self) -> Answer:
        """Return what was answered so far."""
        start = next(message for message in self.sent if message["type"] == "http.response.start")
        parts = [message for message in self.sent if message["type"] == "http.response.body"]
        return Answer(
            start["status"],
            [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]],
            b"".join(part.get("body", b"") for part in parts),
            bool(parts) and not parts[-1].get("more_body"),
        )


class Site:
    """Django's application, wrapped as its users would."""

    def __init__(self, *, wrapped: bool = True) -> None:
        self.application: Any = gate(ASGIHandler()) if wrapped else ASGIHandler()

    def begin(self, path: str, method: str = "GET", headers: RawHeaders = (SESSION, OWN)) -> Connection:
        """Begin a request; its body is still to come."""
        return Connection(self.application, scope(path, method, headers))

    async def ask(
        self,
        path: str,
        method: str = "GET",
        body: Iterable[bytes] = (),
        headers: RawHeaders = (SESSION, OWN),
    ) -> Answer:
        """Send a request, and return the whole answer."""
        connection = self.begin(path, method, headers)
        for part in body:
            connection.put("http.request", body=part, more_body=True)
        connection.put("http.request", body=b"", more_body=False)
        await connection.end()
        return connection.answer()

    def open(
        self,
        path: str,
        headers: RawHeaders = (SESSION, OWN),
        subprotocols: Iterable[str] = (),
        **changes: Any,
    ) -> Connection:
        """Begin the handshake of a websocket."""
        asked = {
            **scope(path, "GET", headers),
            "type": "websocket",
            "scheme": "ws",
            "subprotocols": list(subprotocols),
            "extensions": {"websocket.http.response": {}},
            **changes,
        }
        del asked["method"]
        connection = Connection(self.application, asked)
        connection.put("websocket.connect")
        return connection


@asynccontextmanager
async def upstream() -> AsyncIterator[str]:
    """Run the UI in this loop, and give its address; at the end, close all connections of ours to it."""
    application = web.Application(client_max_size=2**30)
    application.router.add_route("*", "/{path:.*}", dispatch)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await proxy_client.close()
        await runner.cleanup()
