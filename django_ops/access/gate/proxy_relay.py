"""Two websockets, joined: what one side sends the other gets, until one of them, or the gate, ends both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from django_ops.access.gate.proxy_client import FAREWELL_SECONDS, WSMsgType

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# RFC 6455, 7.4, and IANA's registry of close codes.
NORMAL, GOING_AWAY, POLICY, TOO_BIG, INTERNAL_ERROR, BAD_GATEWAY = 1000, 1001, 1008, 1009, 1011, 1014
#: Never sent: no code was given, and no close frame came.
NO_CODE, ABNORMAL = 1005, 1006

_LONGEST_REASON_BYTES = 123

CLIENT, UPSTREAM, GATE = "client", "upstream", "gate"


class Ending(NamedTuple):
    """How a websocket ended, and by whom."""

    by: str
    code: int
    reason: str = ""

    def code_for(self, side: str) -> int:
        """Return the code that the other side is told: the same, where it is one that may be sent."""
        if is_sendable(self.code):
            return self.code
        if self.code == NO_CODE:
            return NORMAL
        return BAD_GATEWAY if side == CLIENT else GOING_AWAY


def is_sendable(code: int) -> bool:
    """Tell whether a close frame may have this code; RFC 6455, 7.4.2."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class Relay:
    """One browser's websocket and the one to the UI that was opened for it.

    Each direction reads the next message when the other side has taken the last one, so that neither fills the memory.
    """

    def __init__(self, receive: Receive, send: Send, upstream: ClientWebSocketResponse, most_bytes: int) -> None:
        self._receive = receive
        self._send = send
        self._upstream = upstream
        self._most_bytes = most_bytes
        self._ended_by_gate: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def end(self, ending: Ending) -> None:
        """End both, at once."""
        if not self._ended_by_gate.done():
            self._ended_by_gate.set_result(ending)

    async def run(self) -> Ending:
        """Accept the browser's, and pass messages on until one side ends; then end the other one.

        Return who ended it, and how.
        """
        ending = Ending(GATE, INTERNAL_ERROR)
        tasks: list[asyncio.Future[Ending]] = []
        try:
            await self._send({"type": "websocket.accept", "subprotocol": self._upstream.protocol})
            tasks.append(self._ended_by_gate)
            tasks.append(asyncio.create_task(self._pass_on_from_client()))
            tasks.append(asyncio.create_task(self._pass_on_from_upstream()))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ending = next(task for task in tasks if task.done()).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._take_leave(ending)
        return ending

    async def _pass_on_from_client(self) -> Ending:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return Ending(CLIENT, message.get("code") or NO_CODE, message.get("reason") or "")
            text = message.get("text")
            data = (message.get("bytes") or b"") if text is None else text.encode()
            if len(data) > self._most_bytes:
                return Ending(GATE, TOO_BIG, "message too big")
            try:
                await self._upstream.send_frame(data, WSMsgType.BINARY if text is None else WSMsgType.TEXT)
            except ConnectionError:
                return Ending(UPSTREAM, self._upstream.close_code or ABNORMAL)

    async def _pass_on_from_upstream(self) -> Ending:
        while True:
            message = await self._upstream.receive()
            if message.type is WSMsgType.TEXT:
                passed_on: Message = {"type": "websocket.send", "text": message.data}
            elif message.type is WSMsgType.BINARY:
                passed_on = {"type": "websocket.send", "bytes": message.data}
            elif message.type is WSMsgType.CLOSE:
                return Ending(UPSTREAM, message.data or NO_CODE, message.extra or "")
            else:  # the connection broke, or the UI broke the rules; aiohttp has closed it
                return Ending(UPSTREAM, self._upstream.close_code or ABNORMAL)
            try:
                await self._send(passed_on)
            except OSError:  # ASGI: the client has gone
                return Ending(CLIENT, ABNORMAL)

    async def _take_leave(self, ending: Ending) -> None:
        reason = ending.reason.encode()[:_LONGEST_REASON_BYTES]
        try:
            if ending.by != CLIENT:
                await self._close_client(ending.code_for(CLIENT), reason)
        finally:
            await self._close_upstream(ending.code_for(UPSTREAM), reason)

    async def _close_client(self, code: int, reason: bytes) -> None:
        message = {"type": "websocket.close", "code": code, "reason": reason.decode(errors="ignore")}
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._send(message)
        except (OSError, RuntimeError):  # it has gone meanwhile; servers differ in how they say so
            pass

    async def _close_upstream(self, code: int, reason: bytes) -> None:
        try:
            async with asyncio.timeout(2 * FAREWELL_SECONDS):
                await self._upstream.close(code=code, message=reason)
        except (OSError, RuntimeError):
            pass
