"""Which server this process belongs to, and for how long that has been running."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from functools import lru_cache
from pathlib import Path

_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_imported_at = time.clock_gettime(_SINCE_BOOT)


def server_pid() -> int:
    """Return the process that was there first: the master of a server with workers, or this one."""
    if os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn/"):  # set by the master
        return os.getppid()
    uwsgi = sys.modules.get("uwsgi")  # which only its own interpreters have
    if uwsgi is not None and uwsgi.masterpid():
        return int(uwsgi.masterpid())
    parent = multiprocessing.parent_process()  # uvicorn --workers, hypercorn, granian
    return os.getpid() if parent is None or parent.pid is None else parent.pid


def age_seconds(pid: int) -> float:
    """Return how long ago a process started; without `/proc`, how long ago this one imported this module."""
    return time.clock_gettime(_SINCE_BOOT) - _started_at(pid)


@lru_cache(maxsize=4)
def _started_at(pid: int) -> float:
    try:
        # the name, in parentheses, may contain anything; the 20th field after it is the start in ticks since boot
        # Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return _imported_at
