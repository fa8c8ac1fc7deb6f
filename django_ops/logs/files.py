"""Lines in one file per process slot, rotated by size and age; no file is ever shared by two processes."""

from __future__ import annotations

import errno
import logging
import os
import time
from pathlib import Path

from django_ops.logs import loss
from django_ops.logs.handler import LineHandler
from django_ops.logs.loss import dropped, on_drop
from django_ops.logs.rotation import SECONDS_PER_DAY, OwnFile, open_own_file, prune, rotate_away
from django_ops.record import slot
from django_ops.record.owner import make_directory, whose

__all__ = ["MEBIBYTE", "SlotFileHandler", "dropped", "on_drop", "problem_with"]

MEBIBYTE = 1024 * 1024

#: How often it is looked whether the file is still there, and whether one that failed can be opened again.
SECONDS_BETWEEN_CHECKS = 1.0
#: How long a rotation that failed is not tried again.
SECONDS_AFTER_FAILED_ROTATION = 60.0

_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class SlotFileHandler(LineHandler):
    """Appends lines to `<directory>/<name>.<slot>.jsonl`, which no other process writes.

    `max_bytes` and `max_age_seconds` say when a file is renamed to `<name>.<slot>.<time>.jsonl`; `backup_count`
    and `backup_days` how many of these are kept per slot, and for how long. None means without limit.
    """

    def __init__(
        self,
        directory: str | Path,
        name: str = "django",
        max_bytes: int | None = 50 * MEBIBYTE,
        max_age_seconds: float | None = SECONDS_PER_DAY,
        backup_count: int | None = 10,
        backup_days: float | None = 14,
        level: int | str = logging.NOTSET,
    ) -> None:
        super().__init__(level)
        self.directory = Path(directory).absolute()
        self.family = name
        self._max_bytes = max_bytes or float("inf")
        self._max_age_seconds = max_age_seconds or float("inf")
        self._backup_count = backup_count
        self._backup_days = backup_days
        self._own: OwnFile | None = None
        self._size_bytes = 0
        self._next_check = 0.0  # on the monotonic clock, as are the following
        self._rotate_at = float("inf")
        self._no_rotation_before = 0.0
        self._failure: OSError | None = None

    @property
    def path(self) -> Path | None:
        """The file that this process writes, once it has written."""
        return self._own.path if self._own else None

    def write_line(self, line: bytes) -> None:
        """Write one line; called by one thread at a time."""
        now = time.monotonic()
        if now >= self._next_check:
            self._check(now)
        if self._size_bytes + len(line) > self._max_bytes or now >= self._rotate_at:
            self._rotate(now)
        own = self._own
        if own is None:
            self._lose(self._failure or OSError("not open"))
            return
        size = len(line)
        try:
            if self._rest:
                self._put(own.descriptor, line)
            elif (written := os.write(own.descriptor, line)) != size:
                self._put_rest(own.descriptor, line[written:])
        except OSError as error:
            self._retry(line, error, now)
        self._size_bytes += size

    def _retry(self, line: bytes, error: OSError, now: float) -> None:
        if error.errno == errno.EBADF:  # somebody closed it under us, as daemons do when they start
            self._open(now)
            if self._own is not None:
                try:
                    self._put(self._own.descriptor, line)
                except OSError as again:
                    error = again
                else:
                    return
        self._lose(error)
        if error.errno not in _FULL:  # a full disk may have room for the next line
            self._abandon(error)

    def close(self) -> None:
        """Close the file; a line that comes later opens it again."""
        with self.lock:  # type: ignore[union-attr]
            if self._own is not None:
                self._abandon(None)
            self._next_check = 0.0
        super().close()

    def _check(self, now: float) -> None:
        """Open the file where it is not open, was moved or deleted, or where its number became something else."""
        self._next_check = now + SECONDS_BETWEEN_CHECKS
        own = self._own
        if own is not None and own.is_open() and own.is_there():
            self._size_bytes = os.fstat(own.descriptor).st_size  # somebody may have truncated it
            return
        self._open(now)

    def _open(self, now: float) -> None:
        if self._own is not None and not self._own.is_open():
            self._own = None  # before its number is given to what is opened next
        try:
            own = open_own_file(self.directory, self.family, _slot_label())
        except OSError as error:
            self._failure = error
            return  # a file that is open, if moved away, is better than none
        if self._own is not None:
            self._abandon(None)
        self._own = own
        self._failure = None
        self._size_bytes = own.size_bytes
        age_seconds = min(max(time.time() - own.started_at, 0.0), self._max_age_seconds)
        self._rotate_at = now + (self._max_age_seconds - age_seconds)
        self._rest = b"\n" if own.needs_newline else b""
        self._prune()

    def _rotate(self, now: float) -> None:
        own = self._own
        if own is None or now < self._no_rotation_before:
            return
        if not self._size_bytes:
            self._rotate_at = now + self._max_age_seconds
            return
        try:
            rotate_away(own, time.time())
        except OSError:  # then the file grows on, which loses nothing
            self._no_rotation_before = now + SECONDS_AFTER_FAILED_ROTATION
            return
        self._open(now)

    def _abandon(self, error: OSError | None) -> None:
        """Close the file, unless its number is something else by now, and open it again at the next check."""
        own, self._own = self._own, None
        self._failure = error
        if own is None:
            return
        if self._rest and own.is_open():
            try:
                self._finish(own.descriptor)
            except OSError as failure:
                if self._rest != b"\n":
                    self._lose(failure)
        self._rest = b""
        if own.is_open():
            os.close(own.descriptor)

    def _lose(self, error: OSError) -> None:
        loss.drop(loss.reason_of(error), 1, f"{self.directory}: {error.strerror or error}")

    def _prune(self) -> None:
        try:
            prune(self.directory, self.family, self._backup_count, self._backup_days, time.time())
        except OSError:  # it may be writable and not readable
            pass

    def after_fork(self) -> None:
        """Let go of the parent's file, without a word: it is the parent's to finish and to lock."""
        super().after_fork()
        own, self._own = self._own, None
        self._next_check = 0.0
        if own is not None and own.is_open():
            os.close(own.descriptor)


def problem_with(directory: str | Path) -> str | None:
    """Say why log files cannot be written to `directory`, or return None; it is made when it is missing."""
    path = Path(directory)
    probe = path / f".writable-{os.getpid()}"
    try:
        make_directory(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        owned = whose(path) if isinstance(error, PermissionError) else ""
        return f"{path} cannot be written: {error.strerror or error}{owned}"
    return None


def _slot_label() -> str:
    try:
        return slot.label()
    except Exception:  # the lock on the file still keeps processes apart
        return "unknown"
