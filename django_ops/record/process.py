"""Whether a process still lives. A process id alone does not tell, as the kernel gives it to others later."""

from __future__ import annotations

import os

_HIGHEST_PID = 1 << 22  # of Linux, https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html

#: States in which a process has ended and waits to be buried by its parent.
_ENDED = ("Z", "X")


def started_ticks(pid: int) -> float:
    """Return when process `pid` began, in clock ticks since the machine did; -1 when it does not live.

    0 where the kernel does not tell (no `/proc`).
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # the second field is the program's name, in brackets, and may contain anything
            fields = file.read().rpartition(")")[2].split()
        return -1.0 if fields[0] in _ENDED else float(fields[19])
    except (OSError, IndexError, ValueError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return -1.0
    except OSError:
        pass
    return 0.0


def is_alive(pid: float, started: float) -> bool:
    """Tell whether the process lives that had this id and began at these ticks. Any two numbers will do."""
    return 0 < pid <= _HIGHEST_PID and pid == int(pid) and started_ticks(int(pid)) == started >= 0
