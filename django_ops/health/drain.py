"""Whether this server is on its way out: readiness says so first, the listener closes later.

A server drains while a file tells it to (`manage.py ops_drain`), or after SIGTERM to a gunicorn master, which
tells its workers through the board (`gunicorn_drain`).
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

from django_ops.conf import conf
from django_ops.exceptions import DrainError
from django_ops.health.board import Board
from django_ops.health.server import age_seconds, server_pid
from django_ops.health.watch import watch

#: A file's time is that of the kernel's last tick, and so is the start of a process: both lag by up to 10 ms.
_TICKS_SECONDS = 0.05

board = Board()


class Earlier(NamedTuple):
    """A drain file that was there before."""

    master_pid: int | None
    modified_at_ns: int  # it drains only servers that are older


def is_draining() -> bool:
    """Tell whether this server drains. Costs a look at shared memory and one `stat`."""
    return board.stopping or _file_applies()


def has_begun() -> bool:
    """Tell the same at a tenth of the cost, once the master or a probe knows: for use in each request."""
    return board.has_begun


def observe() -> bool:
    """Tell the same to a probe, and remember since when probes know."""
    watch(drain_file())
    draining = is_draining()
    if draining != (board.seen_at != 0.0):
        board.seen_at = time.monotonic() if draining else 0.0
    return draining


def begin(master_pid: int | None = None) -> Path:
    """Make every server that looks at the drain file drain, or only the one whose master (or only) process this is.

    Doing it again while it drains changes nothing. Raises DrainError when there is no such process, or the file cannot
    be written.
    """
    if master_pid is not None and not _exists(master_pid):
        raise DrainError(f"There is no process {master_pid} here: name the one that started the server's workers.")
    return _write(master_pid)


def earlier() -> Earlier | None:
    """Return the drain file as it is, for `restore`; None where there is none. Raises DrainError."""
    path = drain_file()
    try:
        found = path.lstat()
        text = path.read_text(errors="replace").strip() if stat.S_ISREG(found.st_mode) else ""
        return Earlier(int(text) if text.isdecimal() else None, found.st_mtime_ns)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DrainError(f"{path} cannot be read: {error}") from error


def restore(file: Earlier | None) -> None:
    """Take back what `begin` did: let the drain file be as it was. Raises DrainError."""
    if file is None:
        end()
    else:
        _write(file.master_pid, file.modified_at_ns)


def _write(master_pid: int | None, modified_at_ns: int | None = None) -> Path:
    path = drain_file()
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        try:
            with fresh.open("x") as file:  # never through a link that somebody else has put there
                file.write("" if master_pid is None else f"{master_pid}\n")
            if modified_at_ns is not None:
                os.utime(fresh, ns=(modified_at_ns, modified_at_ns))
            fresh.replace(path)  # at once: an empty file means something else
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise DrainError(
            f"{path} cannot be written: {error}. Set OPS_DRAIN_FILE to a file that both this user and the server can"
            " reach, and that this user can write."
        ) from error
    return path


def end() -> bool:
    """Take the drain file away, and tell whether there was one. Raises DrainError when it cannot be removed."""
    path = drain_file()
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DrainError(f"{path} cannot be removed: {error}") from error
    return True


def drain_file() -> Path:
    """Return OPS_DRAIN_FILE, or a file of this user and this project in the directory for temporary files.

    A project is known by the place of its settings, as many call theirs `config.settings`. The file does not lie in the
    slot directory, which only the server's environment knows.
    """
    return _drain_file(str(conf.OPS_DRAIN_FILE), os.getuid())


@lru_cache(maxsize=4)
def _drain_file(configured: str, uid: int) -> Path:
    if configured:
        return Path(configured)
    module = os.environ.get("DJANGO_SETTINGS_MODULE") or str(getattr(settings, "ROOT_URLCONF", "django"))
    place = os.path.realpath(getattr(sys.modules.get(module), "__file__", None) or os.getcwd())
    project = hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"django-ops-{uid}" / f"{module}.{project}.draining"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:  # another user's
        return True
    except (OSError, OverflowError):
        return False
    return pid > 0


def _file_applies() -> bool:
    path = drain_file()
    try:
        found = os.stat(path)
        return _may_be_believed(found) and _is_for_this_server(path, found)
    except OSError:
        return False


def _may_be_believed(found: os.stat_result) -> bool:
    """Tell whether we chose the place, or else this user or root the file: others can write into /tmp as well."""
    return bool(conf.OPS_DRAIN_FILE) or (stat.S_ISREG(found.st_mode) and found.st_uid in (0, os.getuid()))


def _is_for_this_server(path: Path, found: os.stat_result) -> bool:
    """Tell whether the file is younger than the server, and names no other server's master.

    A server that was drained and stopped leaves the file behind; it must not drain the next one for ever.
    """
    pid = server_pid()
    if time.time() - found.st_mtime > age_seconds(pid) + _TICKS_SECONDS:
        return False
    return found.st_size == 0 or path.read_text(errors="replace").strip() in ("", str(pid))
