"""Does a server look at the drain file? Each holds a lock beside it, which the kernel drops when it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from django_ops.record import owner

_locks: dict[Path, int] = {}  # drain file -> descriptor


def watch(drain_file: Path) -> None:
    """Say, for as long as this process lives, that it looks at `drain_file`. Raises nothing."""
    if drain_file in _locks:
        return
    descriptor = _open(drain_file)
    if descriptor is None:
        _locks[drain_file] = -1
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # `ops_drain` looks at this moment: the next probe tries again
        os.close(descriptor)
    else:
        _locks[drain_file] = descriptor


def is_watched(drain_file: Path) -> bool:
    """Tell whether a living server that was probed looks at `drain_file`.

    Where another user, another TMPDIR or systemd's PrivateTmp makes the server look elsewhere, it is False.
    """
    descriptor = _open(drain_file)
    if descriptor is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(drain_file: Path) -> int | None:
    path = drain_file.with_name(f"{drain_file.name}.watched")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return owner.open_file(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:  # a read-only file system, or another user's directory: then nothing can be told
        return None
