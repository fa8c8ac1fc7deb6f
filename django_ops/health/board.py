"""What the processes of one server tell each other about its end, in a page of memory that they share."""

from __future__ import annotations

import mmap
import struct

_STOPPING = 0  # offset of one byte
_SEEN_AT = 8  # offset of a double
_WAIT_SECONDS = 16  # offset of a double
_BYTES = 24
_NOTHING = bytes(_WAIT_SECONDS)  # neither of the first two
_DOUBLE = struct.Struct("d")


class Board:
    """Shared by all processes that are forked after it was made, and by no others.

    So the workers of one gunicorn master read what it writes, and those of a new master, which USR2 starts by
    exec, have a board of their own.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BYTES)
        self.wait_seconds = -1.0

    @property
    def has_begun(self) -> bool:
        """Whether the master has been told to stop, or a probe was told of a drain: one look, for each request."""
        return self._memory[:_WAIT_SECONDS] != _NOTHING

    @property
    def stopping(self) -> bool:
        """Whether the master has been told to stop."""
        return self._memory[_STOPPING] != 0

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._memory[_STOPPING] = value

    @property
    def seen_at(self) -> float:
        """The monotonic time in seconds at which the first probe was told of this drain; 0 when none was."""
        return float(_DOUBLE.unpack_from(self._memory, _SEEN_AT)[0])

    @seen_at.setter
    def seen_at(self, value: float) -> None:
        _DOUBLE.pack_into(self._memory, _SEEN_AT, value)

    @property
    def wait_seconds(self) -> float:
        """OPS_DRAIN_SECONDS as the workers' settings have it; below 0 before one has said so."""
        return float(_DOUBLE.unpack_from(self._memory, _WAIT_SECONDS)[0])

    @wait_seconds.setter
    def wait_seconds(self, value: float) -> None:
        _DOUBLE.pack_into(self._memory, _WAIT_SECONDS, value)
