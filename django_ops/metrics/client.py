"""prometheus_client's values, kept by slot: its files, its format, but no worker that dies of a full disk.

prometheus_client names its files by a function that tells processes apart, and allows any other that gives two
names to two processes which live at the same time. The slot is such a name, and is used again.
"""

from __future__ import annotations

import json
import logging
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

from django_ops.exceptions import SlotError
from django_ops.metrics import catalog, layout, store
from django_ops.record import owner, slot

logger = logging.getLogger(__name__)

_USED = struct.Struct("i")  # bytes of a file that are used, its first field


class _Name(str):
    """A slot's label as prometheus_client knows it: equal to nothing but itself, until the slot changes.

    A child may get the very number that its parent gave up: the parent's files, which it inherits open, are not
    those of the slot any more, and it must open them anew.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other


_NOBODY = _Name("")

_is_asked = False
_named = _NOBODY
_has_complained = False


def identify() -> str:
    """Return the slot of this process. Raises SlotError when it cannot be claimed."""
    global _named
    if not _is_asked:  # the class is being made; to claim a slot for that would give one to every master
        return ""
    label = slot.label()
    if str(_named) != label:
        _named = _Name(label)
        where = slot.directory()
        if where is not None:  # the last holder's live gauges, where no server has tidied up after it
            mark_process_dead(label, str(where))  # type: ignore[no-untyped-call]
    return _named


def named() -> str:
    """Return the slot whose files are open, or "" when none are."""
    return str(_named)


def _forget() -> None:
    global _named
    _named = _NOBODY


slot.on_change(_forget)


def _settle() -> None:
    """Take over the slot's files: also where this process has no metric of prometheus_client."""
    try:
        identify()
    except (OSError, SlotError):
        pass  # whoever opens a file there will hear of it


store.before_open.append(_settle)


class SlotFile(MmapedDict):
    """One of prometheus_client's files, with every byte on the disk before it is written.

    Raises OSError when there is no room. A file that cannot be understood is begun again.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            _prepare(Path(filename))
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Write a value and when it was set."""
        if self._m is None:  # after a fork all files are opened anew; this one was not, as another could not be
            raise OSError(f"{self._fname} is closed")
        super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        # its own reckoning: 4 bytes, the key padded to 8, two doubles; at most 8 bytes less than this
        needed = self._used + len(key.encode("utf-8")) + 32
        size = self._capacity
        while needed > size:
            size *= 2
        if size > self._capacity:
            layout.allocate(self._f.fileno(), size)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _prepare(path: Path) -> None:
    file = owner.open_file(path, os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        if size and not is_readable(path):
            logger.warning("%s cannot be understood and is begun again", path)
            os.ftruncate(file, 0)
            size = 0
        layout.allocate(file, max(size, layout.INITIAL_BYTES))
    finally:
        os.close(file)


def is_readable(path: Path) -> bool:
    """Tell whether prometheus_client can read and write one of its files."""
    try:
        with path.open("rb") as file:
            if not 0 <= _USED.unpack(file.read(_USED.size))[0] <= path.stat().st_size:
                return False
        for key, _, _, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            metric, sample, labels, help_text = json.loads(key)
            if not isinstance(labels, dict) or {type(metric), type(sample), type(help_text)} != {str}:
                return False
    except Exception:  # it raises a dozen kinds of errors for a torn file (client_python#599, #329)
        return False
    return True


_SharedValue: Any = values.MultiProcessValue(process_identifier=identify)  # type: ignore[no-untyped-call]
_is_asked = True

_UNUSABLE = (OSError, SlotError)


class SlotValue(_SharedValue):  # type: ignore[misc]
    """A number of a metric of others. Where its file cannot be used it is kept in memory, and not exposed."""

    _in_memory: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._arguments = args, kwargs
        self._or_in_memory(super().__init__, *args, **kwargs)

    def inc(self, amount: float) -> None:
        """Add `amount`."""
        if self._in_memory is not None or not self._or_in_memory(super().inc, amount):
            self._in_memory.inc(amount)

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Set it to `value`, as of `timestamp` (Unix seconds)."""
        if self._in_memory is not None or not self._or_in_memory(super().set, value, timestamp):
            self._in_memory.set(value, timestamp)

    def get(self) -> float:
        """Return it."""
        if self._in_memory is None:
            try:
                return float(super().get())
            except _UNUSABLE as error:
                self._leave(error)
        return float(self._in_memory.get())

    def _or_in_memory(self, use: Callable[..., None], *args: Any, **kwargs: Any) -> bool:
        try:
            use(*args, **kwargs)
        except _UNUSABLE as error:
            self._leave(error)
            return False
        return True

    def _leave(self, error: Exception) -> None:
        global _has_complained
        args, kwargs = self._arguments
        self._in_memory = values.MutexValue(*args, **kwargs)  # type: ignore[no-untyped-call]
        catalog.STORAGE_ERRORS.inc()
        if not _has_complained:  # once: a histogram alone has as many values as buckets
            _has_complained = True
            logger.error("metrics of prometheus_client stay in memory, the first is %s: %s", args[1], error)
