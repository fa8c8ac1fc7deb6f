"""What both handlers share: one write per line, and never half a line before another one."""

from __future__ import annotations

import logging
import os
import weakref

from django_ops.logs import loss
from django_ops.logs.fields import LONGEST_LINE_BYTES
from django_ops.logs.formatter import LineFormatter, line_of_request
from django_ops.logs.records import is_told_by_its_request
from django_ops.record import slot
from django_ops.record.request import RequestRecord

_own_formatter = LineFormatter()
_handlers: weakref.WeakSet[LineHandler] = weakref.WeakSet()


class LineHandler(logging.Handler):
    """Formats a record outside of its lock and hands the line to `write_line`. Raises nothing but interrupts.

    It leaves out what Django says about a request where the line of that request says the same; other handlers get
    that record nevertheless.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self.formatter = LineFormatter()
        self.longest_bytes = LONGEST_LINE_BYTES
        self._rest = b""  # what is left of a line that was written in part
        _handlers.add(self)

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override]
        """Write `record`, if no filter objects, and say whether it was (a record, as logging wants it to be)."""
        try:
            if is_told_by_its_request(record):
                return False
            verdict: bool | logging.LogRecord = self.filter(record) if self.filters else True
        except Exception:  # a record is not lost to somebody's filter
            verdict = True
        if not verdict:
            return False
        if isinstance(verdict, logging.LogRecord):  # since Python 3.12
            record = verdict
        self.emit(record)
        return record

    def write_request(self, record: RequestRecord, level: int) -> bool:
        """Write the line of a request that raised nothing; False where somebody changed how lines are made."""
        if type(self.formatter) is not LineFormatter or self.filters or self.level or self.lock is None:
            return False
        try:
            line = line_of_request(record, level, self.longest_bytes)
            with self.lock:
                self.write_line(line)
        except Exception as error:
            loss.drop(loss.ERROR, 1, f"{type(self).__name__} raised {type(error).__name__}")
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, without asking the filters."""
        try:
            formatter = self.formatter
            if type(formatter) is LineFormatter:
                line = formatter.line(record, self.longest_bytes)
            else:
                line = self._line_of_theirs(record)
            lock = self.lock
            if lock is None:
                self.write_line(line)
            else:
                with lock:
                    self.write_line(line)
        except Exception as error:
            loss.drop(loss.ERROR, 1, f"{type(self).__name__} raised {type(error).__name__}")

    def write_line(self, line: bytes) -> None:
        """Write one whole line; called by one thread at a time. What cannot be written goes to `loss.drop`."""
        raise NotImplementedError

    def after_fork(self) -> None:
        """Let go of what belongs to the parent process; nothing of it may be written here."""
        self._rest = b""

    def _line_of_theirs(self, record: logging.LogRecord) -> bytes:
        try:
            return (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        except Exception:  # a record is not lost to somebody's formatter
            return _own_formatter.line(record, self.longest_bytes)

    def _put(self, descriptor: int, line: bytes) -> None:
        """Write `line` in one call, after what is left of the one before.

        Raises OSError when nothing of `line` was written; what is written in part is finished by a later call.
        """
        if self._rest:
            self._finish(descriptor)
        written = os.write(descriptor, line)
        if written != len(line):
            self._put_rest(descriptor, line[written:])

    def _put_rest(self, descriptor: int, rest: bytes) -> None:
        self._rest = rest
        try:
            self._finish(descriptor)
        except OSError:
            pass

    def _finish(self, descriptor: int) -> None:
        while self._rest:
            written = os.write(descriptor, self._rest)
            if not written:
                raise OSError("nothing was written")
            self._rest = self._rest[written:]


def _after_fork() -> None:
    for handler in list(_handlers):
        handler.after_fork()


slot.on_change(_after_fork)
