"""Lines that could not be written: counted by reason, and told on standard error once a minute at most."""

from __future__ import annotations

import errno
import os
import select
import threading
import time
from collections import Counter
from collections.abc import Callable

from django_ops.record import slot

#: Why a line was lost.
DISK_FULL = "disk_full"  # no room, or a quota or limit of this process is reached
UNWRITABLE = "unwritable"  # the directory or the file cannot be written
CLOSED = "closed"  # nobody reads standard output any more
BLOCKED = "blocked"  # whoever reads standard output did not do so in time
ERROR = "error"  # a mistake of a handler or formatter

SECONDS_BETWEEN_NOTICES = 60.0

_REASONS = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EFBIG: DISK_FULL,
    errno.EPIPE: CLOSED,
    errno.EAGAIN: BLOCKED,
}

_STANDARD_ERROR = 2

_lock = threading.Lock()
_totals: Counter[str] = Counter()
_callbacks: list[Callable[[str, int], None]] = []
_untold = 0
_next_notice = 0.0
_telling = threading.local()


def dropped() -> dict[str, int]:
    """Return how many lines this process has lost, by reason."""
    with _lock:
        return dict(_totals)


def on_drop(callback: Callable[[str, int], None]) -> None:
    """Call `callback` with the reason and the number of lines at each loss.

    What it raises is ignored, and what it logs meanwhile is not told to it again.
    """
    _callbacks.append(callback)


def reason_of(error: OSError) -> str:
    """Return the reason that stands for `error`."""
    return _REASONS.get(error.errno or 0, UNWRITABLE)


def drop(reason: str, number: int, detail: str) -> None:
    """Count `number` lost lines; `detail` says to a person what is wrong. Raises nothing."""
    global _untold, _next_notice
    notice = ""
    with _lock:
        _totals[reason] += number
        _untold += number
        now = time.monotonic()
        if now >= _next_notice:
            _next_notice = now + SECONDS_BETWEEN_NOTICES
            plural = "" if _untold == 1 else "s"
            notice = f"django-ops: {_untold} log line{plural} lost ({reason}): {detail}\n"
            _untold = 0
    if notice:
        _tell(notice)
    _call_back(reason, number)


def _call_back(reason: str, number: int) -> None:
    if getattr(_telling, "now", False):
        return
    _telling.now = True
    try:
        for callback in _callbacks:
            try:
                callback(reason, number)
            except Exception:
                _tell("django-ops: a callback of on_drop() raised an exception\n")
    finally:
        _telling.now = False


def _tell(notice: str) -> None:
    """Write to standard error, unless that would block or nobody is there."""
    try:
        poll = select.poll()
        poll.register(_STANDARD_ERROR, select.POLLOUT)
        if any(event & select.POLLOUT for _, event in poll.poll(0)):
            os.write(_STANDARD_ERROR, notice.encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def _after_fork() -> None:
    global _lock, _untold, _next_notice
    _lock = threading.Lock()
    _totals.clear()
    _untold, _next_notice = 0, 0.0


slot.on_change(_after_fork)
