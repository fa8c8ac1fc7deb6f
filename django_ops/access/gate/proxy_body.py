"""The body of a request, put aside for the proxy: it is read only as fast as the UI takes it, and never whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from django_ops.exceptions import OpsError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

#: Where the scope of a request has its Body.
SCOPE_KEY = "django_ops.gate.body"


class BodyTooLargeError(OpsError):
    """A request's body has more bytes than the service's max_body_bytes allows."""


class ClientLeftError(OpsError):
    """The client has gone before all of its request had come."""


class Body:
    """What stands between an ASGI server and Django: Django gets an empty body, and the view the true one.

    Django waits for the client to leave, by `receive`; that wait is what pulls the parts of the body out of the
    server. At most one part lies here and one waits behind it: then nothing more is read from the client.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._parts: asyncio.Queue[Message] = asyncio.Queue()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_fresh = True
        self._is_read = False

    async def receive(self) -> Message:
        """Tell Django that the body is empty; from then on, wait until the client leaves."""
        if self._is_fresh:
            self._is_fresh = False
            return {"type": "http.request", "body": b"", "more_body": False}
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                self._parts.put_nowait(message)
                return message
            await self._has_room.wait()
            self._has_room.clear()
            self._parts.put_nowait(message)

    async def read(self) -> AsyncIterator[bytes]:
        """Yield the body's parts. Raises ClientLeftError."""
        while not self._is_read:
            message = await self._parts.get()
            self._has_room.set()
            if message["type"] != "http.request":
                raise ClientLeftError("the client left while its body was read")
            self._is_read = not message.get("more_body", False)
            part = message.get("body", b"")
            if part:
                yield part


class Upload:
    """The parts of a body, counted on their way to a UI; `failure` is what ended them before their end."""

    def __init__(self, parts: AsyncIterator[bytes], most_bytes: int, announced_bytes: int | None = None) -> None:
        #: Content-Length; None where the client did not say.
        self.announced_bytes = announced_bytes
        self.failure: OpsError | None = None
        self._parts = parts
        self._most_bytes = most_bytes

    async def read(self) -> AsyncIterator[bytes]:
        """Yield the parts. Raises BodyTooLargeError, and whatever reading them raises."""
        passed_bytes = 0
        try:
            async for part in self._parts:
                passed_bytes += len(part)
                if passed_bytes > self._most_bytes:
                    raise BodyTooLargeError(f"the body has more than {self._most_bytes} bytes")
                yield part
        except OpsError as error:
            # kept, as the client library makes an error of its own out of it
            self.failure = error
            raise
