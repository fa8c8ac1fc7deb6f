"""What is open stays open only for those who may still open it: asked once per session, however much is open."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager

logger = logging.getLogger("django_ops.access.gate")

#: Ends something that is open; is not asked twice.
End = Callable[[], None]

#: Of the time within which what is open must end, the share that passes before the question is asked. The rest is
#: for the answer: it must not be missed because many are asked for at once, or the machine is busy.
_SHARE_OF_WAITING = 0.5


class _Watch:
    """The asking for all that one session has open at one service."""

    def __init__(self, may_stay: Callable[[], Awaitable[bool]], within_seconds: float) -> None:
        self.ends: dict[object, End] = {}
        self._may_stay = may_stay
        self._within_seconds = within_seconds
        # in a context of its own: it lasts longer than the request that began it
        self.task = asyncio.get_running_loop().create_task(self._ask(), context=contextvars.Context())

    async def _ask(self) -> None:
        patience_seconds = self._within_seconds * (1 - _SHARE_OF_WAITING)
        while True:
            await asyncio.sleep(self._within_seconds * _SHARE_OF_WAITING)
            try:
                # who cannot be asked in time, may have left: what is open ends
                async with asyncio.timeout(patience_seconds):
                    may_stay = await self._may_stay()
            except Exception as error:
                logger.error("It cannot be told who may stay, so nobody does: %r", error)
                may_stay = False
            if not may_stay:
                break
        for end in list(self.ends.values()):
            end()
        self.ends.clear()


#: By event loop and by what the caller takes for one session at one service.
_watches: dict[Hashable, _Watch] = {}


@contextmanager
def watched(key: Hashable, may_stay: Callable[[], Awaitable[bool]], end: End, within_seconds: float) -> Iterator[None]:
    """Call `end` within `within_seconds` after `may_stay` would say no, as long as the block lasts.

    `key` stands for the question: those with the same key share the asking of the first one. An error in
    `may_stay`, or no answer in time, counts as a no.
    """
    full_key = (asyncio.get_running_loop(), key, within_seconds)
    watch = _watches.get(full_key)
    if watch is None or watch.task.done():
        watch = _watches[full_key] = _Watch(may_stay, within_seconds)
    mark = object()
    watch.ends[mark] = end
    try:
        yield
    finally:
        watch.ends.pop(mark, None)
        if not watch.ends:
            watch.task.cancel()
            if _watches.get(full_key) is watch:
                del _watches[full_key]
