"""The numbers of this process: vectors of doubles in one buffer, in memory or in the mapped file of its slot.

In a slot directory each slot has one file that its holders append to and add in, so a recycled worker goes
on where the last one stopped. Layout: 8 bytes of magic, the number of used bytes, then entries of key
length, vector length, key (a JSON array of name and label values, padded to 8 bytes) and the doubles.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django_ops.record import slot

#: ("name", "label value", ...)
Key = tuple[str, ...]

SUFFIX = ".cells"

_MAGIC = b"djopsm1\n"
_HEADER_BYTES = 16
_INITIAL_BYTES = 1 << 16
_USED = struct.Struct("=Q")
_LENGTHS = struct.Struct("=II")


class Store:
    """Vectors of doubles by key. `buffer` may only be changed while `lock` is held."""

    def __init__(self, path: Path | None = None) -> None:
        # re-entrant: a signal handler that counts may interrupt a thread that is counting
        self.lock = threading.RLock()
        self.offsets: dict[Key, int] = {}
        self.values_seen: dict[tuple[str, int], set[str]] = {}
        self.caches: dict[str, dict[Any, Any]] = {}
        self._file: int | None = None
        self._map: mmap.mmap | bytearray
        if path is None:
            self._map = bytearray(_INITIAL_BYTES)
            self._map[:_HEADER_BYTES] = _MAGIC + _USED.pack(_HEADER_BYTES)
            self._used = _HEADER_BYTES
        else:
            self._open(path)
        self.buffer = memoryview(self._map).cast("d")

    def _open(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(self._file).st_size
        entries = list(read_entries(os.pread(self._file, size, 0)))
        if not entries:  # new, or not ours to understand: begin again
            os.ftruncate(self._file, 0)
            os.ftruncate(self._file, _INITIAL_BYTES)
            os.pwrite(self._file, _MAGIC + _USED.pack(_HEADER_BYTES), 0)
            self._used = _HEADER_BYTES
        else:
            _, offset, length = entries[-1]
            self._used = 8 * (offset + length)
            for key, offset, _ in entries:
                self.offsets[key] = offset
                for position, value in enumerate(key[1:]):
                    self.values_seen.setdefault((key[0], position), set()).add(value)
        self._map = mmap.mmap(self._file, 0)

    def cache(self, name: str) -> dict[Any, Any]:
        """Return the look-up table `name` of offsets, which lives as long as this store."""
        return self.caches.setdefault(name, {})

    def offset(self, key: Key, length: int) -> int:
        """Return where the vector of `key` begins in `buffer`, appending it when it is new."""
        offset = self.offsets.get(key)
        if offset is None:
            with self.lock:
                offset = self.offsets.get(key)
                if offset is None:
                    offset = self._append(key, length)
        return offset

    def _append(self, key: Key, length: int) -> int:
        name = json.dumps(key).encode()
        padded = name + b" " * (-len(name) % 8)
        start = self._used + _LENGTHS.size
        end = start + len(padded) + 8 * length
        while end > len(self._map):
            self._grow()
        _LENGTHS.pack_into(self._map, self._used, len(name), length)
        self._map[start : start + len(padded)] = padded
        # last, so that a reader never sees a half-written entry
        _USED.pack_into(self._map, len(_MAGIC), end)
        self._used = end
        offset = (start + len(padded)) // 8
        self.offsets[key] = offset
        return offset

    def _grow(self) -> None:
        size = 2 * len(self._map)
        if self._file is None:
            self._map = bytearray(self._map) + bytearray(size - len(self._map))
        else:
            os.ftruncate(self._file, size)
            self._map = mmap.mmap(self._file, size)
        self.buffer = memoryview(self._map).cast("d")

    def entries(self) -> Iterator[tuple[Key, list[float]]]:
        """Yield each key with a copy of its vector."""
        with self.lock:
            data = bytes(self._map[: self._used])
        return vectors(data)


def read_entries(data: bytes) -> Iterator[tuple[Key, int, int]]:
    """Yield key, offset in doubles and vector length of each entry; stop at the first that is not whole."""
    if len(data) < _HEADER_BYTES or data[: len(_MAGIC)] != _MAGIC:
        return
    position, used = _HEADER_BYTES, min(_USED.unpack_from(data, len(_MAGIC))[0], len(data))
    while position + _LENGTHS.size <= used:
        name_length, length = _LENGTHS.unpack_from(data, position)
        position += _LENGTHS.size
        offset = position + name_length + -name_length % 8
        end = offset + 8 * length
        if name_length == 0 or end > used:
            return
        try:
            key = json.loads(data[position : position + name_length])
        except ValueError:
            return
        if not isinstance(key, list) or not all(isinstance(part, str) for part in key):
            return
        yield tuple(key), offset // 8, length
        position = end


def vectors(data: bytes) -> Iterator[tuple[Key, list[float]]]:
    """Yield each key with its vector, from the bytes of a store."""
    whole = memoryview(data[: len(data) // 8 * 8]).cast("d")
    for key, offset, length in read_entries(data):
        yield key, whole[offset : offset + length].tolist()


_active: Store | None = None
_opening = threading.Lock()


def active() -> Store:
    """Return the store of this process, opening it at first use.

    Raises SlotError when the slot directory cannot be used.
    """
    return _active if _active is not None else _open_active()


def _open_active() -> Store:
    global _active
    with _opening:
        if _active is None:
            where = slot.directory()
            _active = Store(None if where is None else file_of(where, slot.label()))
            _on_open(_active)
    return _active


def file_of(where: Path, label: str) -> Path:
    """Return the file in which slot `label` keeps its numbers."""
    return where / f"metrics-{label}{SUFFIX}"


def forget() -> None:
    """Let the next use open the store anew: in a forked child, whose slot is another, and in tests."""
    global _active, _opening
    _active = None
    _opening = threading.Lock()


def _on_open(store: Store) -> None:
    """Say which process holds the slot now; gauges of processes that are gone are not reported."""
    store.buffer[store.offset((HOLDER,), 1)] = float(os.getpid())
    for key, offset in store.offsets.items():
        if key[0] in live_gauges:
            store.buffer[offset] = store.buffer[offset + 1] = 0.0


#: Key of the process id that holds a slot.
HOLDER = "_holder"

#: Names of gauges that begin at 0 in each process (filled by the catalog).
live_gauges: set[str] = set()

slot.on_change(forget)
