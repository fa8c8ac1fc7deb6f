"""Drives Django's own handlers as servers do, within the process of the test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from django_ops.record.outcome import Outcome
from django_ops.record.request import RequestRecord


def outcomes(records: Iterable[RequestRecord]) -> list[tuple[Outcome, int]]:
    """Return how each request ended."""
    return [(record.outcome, record.status) for record in records]


def environ(path: str, method: str = "GET", **headers: Any) -> dict[str, Any]:
    """Return the environ of a request as gunicorn makes it."""
    path, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        **headers,
    }


class Wsgi:
    """A WSGI server of one request at a time."""

    def __init__(self) -> None:
        self.application = WSGIHandler()
        self.status = ""
        self.headers: dict[str, str] = {}

    def start_response(self, status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None) -> None:
        self.status, self.headers = status, dict(headers)

    def get(self, path: str, method: str = "GET", **headers: Any) -> bytes:
        """Serve a request to its end and return the body."""
        response = self.application(environ(path, method, **headers), self.start_response)
        try:
            return b"".join(response)
        finally:
            response.close()

    def get_often(self, path: str, count: int) -> None:
        """Serve so many requests, whatever becomes of them."""
        for _ in range(count):
            with suppress(RuntimeError):
                self.get(path)


class Asgi:
    """An ASGI server of one request at a time."""

    def __init__(self) -> None:
        self.application = ASGIHandler()
        self.headers: dict[str, str] = {}

    def get(self, path: str, method: str = "GET", headers: Iterable[tuple[bytes, bytes]] = ()) -> list[Any]:
        """Serve a request to its end, in a loop of its own, and return the messages that were sent."""
        return asyncio.run(self.aget(path, method, headers))

    def get_often(self, path: str, count: int) -> None:
        """Serve so many requests, in one loop."""

        async def serve() -> None:
            for _ in range(count):
                await asyncio.create_task(self.aget(path))

        asyncio.run(serve())

    async def aget(self, path: str, method: str = "GET", headers: Iterable[tuple[bytes, bytes]] = ()) -> list[Any]:
        """Serve a request to its end, and return the messages that were sent."""
        sent: list[Any] = []
        ended = asyncio.Event()
        received = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            if received:
                return received.pop()
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if message["type"] == "http.response.start":
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            if message["type"] == "http.response.body" and not message.get("more_body"):
                ended.set()

        await self.application(scope(path, method, headers), receive, send)
        return sent


def scope(path: str, method: str = "GET", headers: Iterable[tuple[bytes, bytes]] = ()) -> dict[str, Any]:
    """Return the scope of a request as uvicorn makes it."""
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver"), *headers],
        "client": ("192.0.2.1", 1234),
        "server": ("testserver", 80),
    }
