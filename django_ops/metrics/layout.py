"""How numbers lie in the bytes of a store: written by one process, read by all that are scraped.

8 bytes of magic, the number of used bytes, then entries of key length, vector length, key (a JSON array of
the metric's name and label values, padded to 8 bytes) and the vector's doubles, in the machine's byte order.
"""

from __future__ import annotations

import errno
import json
import os
import struct
from collections.abc import Iterator
from typing import cast

#: ("name", "label value", ...)
Key = tuple[str, ...]

MAGIC = b"djopsm1\n"
HEADER_BYTES = 16
INITIAL_BYTES = 1 << 16

_CANNOT_ALLOCATE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)

_USED = struct.Struct("=Q")
_LENGTHS = struct.Struct("=II")

#: Keys are parsed once per process, not once per scrape. Emptied when it has grown beyond what is exposed.
_parsed: dict[bytes, Key | None] = {}
_MOST_PARSED = 200_000


#: Name of an entry that counts for several keys at once: the rest of its key are these, as JSON.
TOGETHER = "_together"


def together(keys: list[Key]) -> Key:
    """Return the key of the entry that counts for each of `keys`."""
    return (TOGETHER, *map(json.dumps, keys))


def parts(key: Key) -> list[Key]:
    """Return the keys that an entry counts for; most entries count for their own."""
    return [key] if key[0] != TOGETHER else [part for text in key[1:] if (part := _parse(text.encode())) is not None]


def header(used_bytes: int) -> bytes:
    """Return the first bytes of a store of which so many bytes are used."""
    return MAGIC + _USED.pack(used_bytes)


def entry_head(key: Key, length: int) -> bytes:
    """Return what stands before the vector of `key`, which has `length` doubles."""
    name = json.dumps(key).encode()
    return _LENGTHS.pack(len(name), length) + name + b" " * (-len(name) % 8)


def read_entries(data: bytes) -> Iterator[tuple[Key, int, int]]:
    """Yield key, offset in doubles and vector length of each entry; stop at the first that is not whole."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return
    position, used = HEADER_BYTES, min(_USED.unpack_from(data, len(MAGIC))[0], len(data))
    while position + _LENGTHS.size <= used:
        name_length, length = _LENGTHS.unpack_from(data, position)
        position += _LENGTHS.size
        begin = position + name_length + -name_length % 8
        end = begin + 8 * length
        if name_length == 0 or end > used:
            return
        key = _parse(data[position : position + name_length])
        if key is None:
            return
        yield key, begin // 8, length
        position = end


def vectors(data: bytes) -> Iterator[tuple[Key, list[float]]]:
    """Yield each key with its vector, from the bytes of a store."""
    whole = memoryview(data[: len(data) // 8 * 8]).cast("d")
    for key, offset, length in read_entries(data):
        yield key, cast("list[float]", whole[offset : offset + length].tolist())


def _parse(name: bytes) -> Key | None:
    try:
        return _parsed[name]
    except KeyError:
        pass
    try:
        parts = json.loads(name)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        return None
    if len(_parsed) >= _MOST_PARSED:
        _parsed.clear()
    key = _parsed[name] = tuple(parts)
    return key


def allocate(file: int, size_bytes: int) -> None:
    """Make the file at least so long, every byte of it on the disk. Raises OSError when there is no room.

    A file that was only made long (`ftruncate`) has holes; to write into the map of a hole on a full disk is
    no error that Python could raise but SIGBUS, which kills the worker.
    """
    try:
        os.posix_fallocate(file, 0, size_bytes)
        return
    except OSError as error:
        if error.errno not in _CANNOT_ALLOCATE:
            raise
    # a file system without this call (NFS, ZFS with musl): to write zeros takes the room as well
    size = os.fstat(file).st_size
    while size < size_bytes:
        size += os.pwrite(file, bytes(min(size_bytes - size, 1 << 20)), size)
