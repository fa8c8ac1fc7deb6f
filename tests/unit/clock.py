"""An event loop whose clock jumps to what is waited for: what takes a minute takes no time, and exactly a minute."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Waits(selectors.SelectSelector):
    """Adds up how long it was told to wait, and does not wait."""

    passed_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # nothing is timed: only the outside can go on
            return super().select()
        events = super().select(0)
        if not events:
            self.passed_seconds += max(0.0, timeout)
        return events


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._waits = _Waits()
        super().__init__(self._waits)

    def time(self) -> float:
        return self._waits.passed_seconds


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run as `asyncio.run` does, on that clock. What it awaits may not depend on threads or other processes."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(main)


def now() -> float:
    """Return the time of the loop that runs, in seconds since it began."""
    return asyncio.get_running_loop().time()
