"""Lines on standard output or standard error, for a container runtime or systemd to collect."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import select
import stat
import time

from django_ops.logs import loss
from django_ops.logs.fields import LONGEST_LINE_BYTES
from django_ops.logs.handler import LineHandler

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2

#: How long a reader of a full, non-blocking pipe is waited for: a request is not held up for longer.
LONGEST_WAIT_SECONDS = 0.2

#: A pipe keeps what is written in one call together up to this; POSIX guarantees 512, Linux 4096.
PIPE_BYTES = select.PIPE_BUF


class StandardOutputHandler(LineHandler):
    """Writes each line with one call, past Python's own buffer.

    A pipe that several processes share may mix long lines when it is nearly full, so they take turns by a lock on
    it. Where no lock can be had, lines are shortened to what a pipe keeps together.
    """

    def __init__(self, level: int | str = logging.NOTSET, descriptor: int = STANDARD_OUTPUT) -> None:
        super().__init__(level)
        self._descriptor = descriptor
        self._name = "standard error" if descriptor == STANDARD_ERROR else "standard output"
        self._turns: int | None = None  # our own opening of the pipe, for the lock
        self._ready = False

    def write_line(self, line: bytes) -> None:
        """Write one line; called by one thread at a time."""
        if not self._ready:
            self._make_ready()
        try:
            if self._turns is None:
                self._put_patiently(line)
            else:
                fcntl.flock(self._turns, fcntl.LOCK_EX)
                try:
                    self._put_patiently(line)
                finally:
                    fcntl.flock(self._turns, fcntl.LOCK_UN)
        except OSError as error:
            loss.drop(loss.reason_of(error), 1, f"{self._name}: {error.strerror or error}")

    def close(self) -> None:
        """Let go of the pipe's lock; standard output itself stays open."""
        with self.lock:  # type: ignore[union-attr]
            self._forget_turns()
        super().close()

    def after_fork(self) -> None:
        """Let go of the parent's opening of the pipe: a lock on it would not keep the two apart."""
        super().after_fork()
        self._forget_turns()

    def _put_patiently(self, line: bytes) -> None:
        try:
            self._put(self._descriptor, line)
            if not self._rest:
                return
        except BlockingIOError:
            pass
        else:
            line = b""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while self._wait(deadline):
            try:
                if line:
                    self._put(self._descriptor, line)
                    line = b""
                else:
                    self._finish(self._descriptor)
            except BlockingIOError:
                continue
            if not self._rest:
                return
        if line:
            raise BlockingIOError(errno.EAGAIN, "its reader is too slow")

    def _wait(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return bool(poll.poll(left * 1000))

    def _make_ready(self) -> None:
        self._ready = True
        self.longest_bytes = LONGEST_LINE_BYTES
        try:
            if not stat.S_ISFIFO(os.fstat(self._descriptor).st_mode):
                return
            # opened anew, as processes that share one opening would share its lock too
            self._turns = os.open(f"/proc/self/fd/{self._descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self.longest_bytes = PIPE_BYTES

    def _forget_turns(self) -> None:
        self._ready = False
        if self._turns is not None:
            os.close(self._turns)
            self._turns = None
