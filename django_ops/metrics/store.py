"""The numbers of this process: vectors of doubles in one buffer, in memory or in the mapped file of its slot.

In a slot directory each slot has one file that its holders append to and add in, so a recycled worker goes
on where the last one stopped.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from django_ops.exceptions import SlotError
from django_ops.metrics import layout
from django_ops.metrics.layout import Key
from django_ops.record import owner, process, slot

logger = logging.getLogger(__name__)

SUFFIX = ".cells"

#: Key of the process that holds the slot: its id, and when it began.
HOLDER = "_holder"

#: Key of the bounds that the latency histograms in the file have.
BOUNDS = "_bounds"

#: Where observations go for which there is no room, so that whoever makes them need not know.
_OVERFLOW = "_overflow"

#: Counts what could not be kept where all processes see it (a family of the catalog).
STORAGE_ERRORS = "django_ops_metric_storage_errors_total"

_RETRY_SECONDS = 10.0


class Definition(Protocol):
    """What a store must know of a metric."""

    length: int  # doubles of one child
    labels: tuple[str, ...]
    is_live: bool  # whether each process begins at 0


#: Every metric by its exposed name (filled by the catalog).
definitions: dict[str, Definition] = {}

#: Bounds in seconds of the histograms that have none of their own.
latency_bounds: tuple[float, ...] = ()

#: Called before a store is opened, to read the settings that decide how long the vectors are.
before_open: list[Callable[[], None]] = []


class Store:
    """Vectors of doubles by key, in memory. `buffer` may only be read and changed while `lock` is held."""

    path: Path | None = None

    def __init__(self) -> None:
        # re-entrant: a signal handler that counts may interrupt a thread that is counting
        self.lock = threading.RLock()
        self.offsets: dict[Key, int] = {}  # in the order of the vectors
        self.values_seen: dict[tuple[str, int], set[str]] = {}
        self.caches: dict[str, dict[Any, Any]] = {}
        self._numbers: list[float] = []
        self.buffer: list[float] | memoryview[float] = self._numbers
        self._is_appending = False
        self._grows_again_at = 0.0
        self._open()
        longest = max((definition.length for definition in definitions.values()), default=1)
        self._overflow = self._write_entry((_OVERFLOW, str(longest)), longest)
        self._errors = self._write_entry((STORAGE_ERRORS,), 1)

    def _open(self) -> None:
        """Find what is kept already: in memory, nothing."""

    def cache(self, name: str) -> dict[Any, Any]:
        """Return the look-up table `name` of offsets, which lives as long as this store."""
        return self.caches.setdefault(name, {})

    def offset(self, key: Key, length: int) -> int:
        """Return where the vector of `key` begins in `buffer`, appending it when it is new.

        Where there is no room for it this is a place that nobody reads, and the loss is counted.
        """
        offset = self.offsets.get(key)
        if offset is None:
            with self.lock:
                offset = self._append(key, length)
        return offset

    def _append(self, key: Key, length: int) -> int:
        if self._is_appending:  # a signal handler interrupted this very function
            return self._lose()
        self._is_appending = True
        try:
            return self._write_entry(key, length)
        except OSError:
            self._grows_again_at = monotonic() + _RETRY_SECONDS
            return self._lose()
        finally:
            self._is_appending = False

    def is_lost(self, offset: int) -> bool:
        """Tell whether nobody reads what is counted there, as there was no room for it."""
        return offset == self._overflow

    def _lose(self) -> int:
        self.buffer[self._errors] += 1.0
        return self._overflow

    def _write_entry(self, key: Key, length: int) -> int:
        offset = self.offsets.get(key)
        if offset is not None:
            return offset
        self.offsets[key] = offset = self._add(key, length)
        return offset

    def _add(self, key: Key, length: int) -> int:
        """Add a vector of zeros, and return where it begins. Raises OSError when there is no room for it."""
        offset = len(self._numbers)
        self._numbers += [0.0] * length
        return offset

    def entries(self) -> Iterator[tuple[Key, list[float]]]:
        """Yield each key with a copy of its vector."""
        with self.lock:
            numbers, keys, starts = self._numbers.copy(), [*self.offsets], [*self.offsets.values()]
        ends = [*starts[1:], len(numbers)]
        return ((key, numbers[start:end]) for key, start, end in zip(keys, starts, ends, strict=True))

    def begin(self) -> None:
        """Say which process holds the slot now, and let its gauges of live things begin at 0."""
        with self.lock:
            holder = self._write_entry((HOLDER,), 2)
            bounds = self._write_entry((BOUNDS,), len(latency_bounds))
            self.buffer[holder] = float(os.getpid())
            self.buffer[holder + 1] = float(process.started_ticks(os.getpid()))
            for position, bound in enumerate(latency_bounds):
                self.buffer[bounds + position] = bound
            for name, definition in definitions.items():
                if not definition.labels:  # room for these at least, however full the disk may be later
                    self._write_entry((name,), definition.length)
            for key, offset in self.offsets.items():
                known = definitions.get(key[0])
                if known is not None and known.is_live:
                    for position in range(known.length):
                        self.buffer[offset + position] = 0.0


class SlotStore(Store):
    """The same in the mapped file at `path`, which goes on where the process before has stopped. `buffer` moves.

    Raises OSError when the file cannot be opened, or there is no room for it.
    """

    path: Path

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1  # not open yet
        self._used = layout.HEADER_BYTES
        super().__init__()

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def _open(self) -> None:
        self._file = file = owner.open_file(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        size = os.fstat(file).st_size
        data = os.pread(file, size, 0)
        entries = list(layout.vectors(data))
        if not entries or [vector for key, vector in entries if key == (BOUNDS,)] != [list(latency_bounds)]:
            # new, or of a server with other settings, or not ours to understand: begin again
            os.ftruncate(file, 0)
            layout.allocate(file, layout.INITIAL_BYTES)
            os.pwrite(file, layout.header(self._used), 0)
        else:
            for key, offset, length in layout.read_entries(data):
                self._used = 8 * (offset + length)
                if _is_ours(key, length):
                    self._remember(key, offset)
            # whole pages, and no holes: whoever cut the file short may have left both
            layout.allocate(file, max(layout.INITIAL_BYTES, size + -size % mmap.PAGESIZE))
        self._show(mmap.mmap(file, 0))

    def _show(self, whole: mmap.mmap) -> None:
        self._map = whole
        self.buffer = memoryview(whole).cast("d")

    def _remember(self, key: Key, offset: int) -> None:
        self.offsets[key] = offset
        for position, value in enumerate(key[1:] if key[0] in definitions else ()):
            self.values_seen.setdefault((key[0], position), set()).add(value)

    def _add(self, key: Key, length: int) -> int:
        head = layout.entry_head(key, length)
        start, end = self._used, self._used + len(head) + 8 * length
        while end > len(self._map):
            self._grow()
        self._map[start:end] = head + bytes(8 * length)
        # last, so that a reader never sees a half-written entry; by assignment, as struct.pack_into writes a 0 first
        self._map[: layout.HEADER_BYTES] = layout.header(end)
        self._used = end
        return (start + len(head)) // 8

    def _grow(self) -> None:
        if monotonic() < self._grows_again_at:
            raise OSError("the disk was full a moment ago")
        size = 2 * len(self._map)
        layout.allocate(self._file, size)
        self._show(mmap.mmap(self._file, size))

    def entries(self) -> Iterator[tuple[Key, list[float]]]:
        """Yield each key with a copy of its vector."""
        with self.lock:
            data = self._map[: self._used]
        return layout.vectors(data)


def _is_ours(key: Key, length: int) -> bool:
    """Tell whether an entry of another process is what this one would have made of its key."""
    if key[0] == layout.TOGETHER:
        parts = layout.parts(key)
        return len(parts) == len(key) - 1 and all(part[0] in definitions and _is_ours(part, length) for part in parts)
    definition = definitions.get(key[0])
    if definition is None:
        return (key == (HOLDER,) and length == 2) or key == (BOUNDS,) or key == (_OVERFLOW, str(length))
    return length == definition.length and len(key) == 1 + len(definition.labels)


_active: Store | None = None
_opening = threading.RLock()
_is_opening = False


def active() -> Store:
    """Return the store of this process, opening it at first use.

    Raises nothing: where the slot's file cannot be used the numbers stay in memory, and only a scrape that
    this process answers shows them.
    """
    return _active if _active is not None else _open_active()


def is_open() -> bool:
    """Tell whether this process has opened its store."""
    return _active is not None


def _open_active() -> Store:
    global _active, _is_opening
    failure: Exception | None = None
    with _opening:
        if _active is not None:
            return _active
        if _is_opening:  # a signal handler interrupted this very function: what it counts is lost
            return Store()
        _is_opening = True
        try:
            for listener in before_open:
                listener()
            store, failure = _open_store()
            _active = store
        finally:
            _is_opening = False
    if failure is not None:  # only now, as whoever logs it may count, in another thread, and wait for us
        logger.error("the metrics of this process stay in memory: %s", failure)
    return store


def _open_store() -> tuple[Store, Exception | None]:
    where = slot.directory()
    failure: Exception | None = None
    if where is not None:
        try:
            store: Store = SlotStore(file_of(where, slot.label()))
            store.begin()
            return store, None
        except (OSError, SlotError) as error:
            failure = error
    store = Store()
    store.begin()
    if failure is not None:
        store.buffer[store._errors] = 1.0
    return store, failure


def file_of(where: Path, label: str) -> Path:
    """Return the file in which slot `label` keeps its numbers."""
    return where / f"metrics-{label}{SUFFIX}"


def forget() -> None:
    """Let the next use open the store anew: in a forked child, whose slot is another, and in tests."""
    global _active, _opening, _is_opening
    _active, _is_opening = None, False
    _opening = threading.RLock()


slot.on_change(forget)
