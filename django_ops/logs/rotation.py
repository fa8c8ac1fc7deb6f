"""The files of one family: their names, who holds which, what is rotated away and what is deleted."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from calendar import timegm
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from django_ops.record import owner

ENDING = ".jsonl"
SECONDS_PER_DAY = 86_400

#: Filesystems without locks; there the slot alone keeps two processes apart.
_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))
_MOST_NUMBERS = 1000
_MODE = 0o640  # the log group may read, others may not


class OwnFile(NamedTuple):
    """A file that this process alone writes."""

    descriptor: int
    path: Path
    device: int
    inode: int
    size_bytes: int
    started_at: float  # Unix time of its first line, as far as it is known
    needs_newline: bool  # whether somebody left half a line at its end

    def is_there(self) -> bool:
        """Tell whether the path still leads to this file."""
        try:
            found = os.stat(self.path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (self.device, self.inode)

    def is_open(self) -> bool:
        """Tell whether the descriptor is still this file, and not something else that got its number."""
        try:
            found = os.fstat(self.descriptor)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (self.device, self.inode)


def open_own_file(directory: Path, name: str, slot: str) -> OwnFile:
    """Open `<name>.<slot>.jsonl` for appending, or `<name>.<slot>-2.jsonl` and so on when it is somebody else's.

    That is a file that another process has locked, or that another user made and this one may not open.

    Raises OSError.
    """
    owner.make_directory(directory)
    number = 1
    while number < _MOST_NUMBERS:
        path = directory / f"{name}.{slot}{'' if number == 1 else f'-{number}'}{ENDING}"
        try:
            descriptor = owner.open_file(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY, _MODE)
        except PermissionError as error:
            if not owner.is_of_another(path, error):
                raise
            number += 1
            continue
        try:
            own = _take(descriptor, path)
        except BlockingIOError:
            os.close(descriptor)
            number += 1
            continue
        except BaseException:
            os.close(descriptor)
            raise
        if own.is_there():
            return own
        os.close(descriptor)  # it was rotated away before we had the lock
    raise OSError(errno.EMFILE, "all files of the slot are held by other processes")


def _take(descriptor: int, path: Path) -> OwnFile:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    found = os.fstat(descriptor)
    started_at, needs_newline = time.time(), False
    if stat.S_ISREG(found.st_mode) and found.st_size:
        started_at = _first_line_at(os.pread(descriptor, 64, 0)) or found.st_mtime
        needs_newline = os.pread(descriptor, 1, found.st_size - 1) != b"\n"
    return OwnFile(descriptor, path, found.st_dev, found.st_ino, found.st_size, started_at, needs_newline)


def _first_line_at(beginning: bytes) -> float | None:
    match = re.match(rb'\{"@timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z"', beginning)
    if match is None:
        return None
    try:
        return float(timegm(time.strptime(match[1].decode(), "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return None


def rotate_away(own: OwnFile, now: float) -> Path:
    """Rename the file to a name with the time in it, and return that. Raises OSError."""
    stamp = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}{int(now % 1 * 1e6):06d}Z"
    stem = own.path.name.removesuffix(ENDING)
    number = 1
    while True:
        target = own.path.with_name(f"{stem}.{stamp}{'' if number == 1 else f'-{number}'}{ENDING}")
        if not os.path.lexists(target):  # no other process gives names that begin with ours
            os.rename(own.path, target)
            return target
        number += 1


def prune(directory: Path, name: str, backup_count: int | None, backup_days: float | None, now: float) -> int:
    """Delete rotated files of the family beyond `backup_count` per slot, and all that rest for `backup_days`.

    Files that a process holds stay, and so does what is not of the family. Returns how many were deleted.
    """
    pattern = re.compile(
        rf"{re.escape(name)}\.(?P<slot>(?:\d+|(?:main|command)\d*|unknown)(?:-\d+)?)(?:\.(?P<stamp>\d{{8}}T\d{{12}}Z)(?:-(?P<number>\d+))?)?"
        rf"{re.escape(ENDING)}"
    )
    deleted = 0
    rotated: dict[str, list[tuple[str, int, Path]]] = defaultdict(list)
    oldest = None if backup_days is None else now - backup_days * SECONDS_PER_DAY
    with os.scandir(directory) as entries:
        for entry in entries:
            match = pattern.fullmatch(entry.name)
            if match is None or not entry.is_file(follow_symlinks=False):
                continue
            path = Path(entry.path)
            if oldest is not None and _modified_at(path, now) < oldest:
                deleted += _delete(path) if match["stamp"] else _delete_if_free(path)
            elif match["stamp"]:
                rotated[match["slot"]].append((match["stamp"], int(match["number"] or 1), path))
    if backup_count is not None:
        for files in rotated.values():
            for _, _, path in sorted(files, reverse=True)[backup_count:]:
                deleted += _delete(path)
    return deleted


def _modified_at(path: Path, otherwise: float) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return otherwise


def _delete(path: Path) -> int:
    try:
        path.unlink()
    except OSError:  # another process was quicker, or may and we may not
        return 0
    return 1


def _delete_if_free(path: Path) -> int:
    """Delete the file of a slot that no process has any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _delete(path)
    except OSError:
        return 0
    finally:
        os.close(descriptor)
