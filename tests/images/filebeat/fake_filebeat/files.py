"""Finds the files of the inputs, and reads lines from where the registry says."""

import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .configuration import Input


@dataclass(frozen=True)
class Found:
    """A file, by its fingerprint."""

    key: str  # in the registry
    path: str
    fingerprint: str
    size_bytes: int
    input: Input


@dataclass(frozen=True)
class Line:
    """One line without its newline."""

    file: Found
    offset: int
    end: int
    raw: bytes


class Registry:
    """How far each file has been shipped; on the disk before it is believed."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "registry.json"
        try:
            self._offsets: dict[str, int] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._offsets = {}

    def offset(self, key: str) -> int:
        """Return where to go on in a file."""
        return self._offsets.get(key, 0)

    def put(self, offsets: dict[str, int]) -> None:
        """Keep where to go on in some files."""
        self._offsets.update(offsets)
        self._write()

    def forget_all_but(self, keys: set[str], prefix: str) -> None:
        """Forget the files of an input that are not there any more."""
        gone = [key for key in self._offsets if key.startswith(prefix) and key not in keys]
        for key in gone:
            del self._offsets[key]
        if gone:
            self._write()

    def _write(self) -> None:
        beside = self._path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(self._offsets, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


def find(told: Input, warn: Callable[[str], None]) -> dict[str, Found]:
    """Return the files of an input that are long enough to have a fingerprint, by their key in the registry."""
    found: dict[str, Found] = {}
    for path in sorted({path for pattern in told.paths for path in glob.glob(pattern, recursive=True)}):
        try:
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                file.seek(told.fingerprint_offset)
                beginning = file.read(told.fingerprint_length)
        except OSError as error:
            warn(f"{path}: {error.strerror}")
            continue
        if len(beginning) < told.fingerprint_length:
            continue
        fingerprint = hashlib.sha256(beginning).hexdigest()
        key = f"{told.id}::{fingerprint}"
        if key in found:
            warn(f"{path} points to an already known ingest target {found[key].path}. Skipping")
            continue
        found[key] = Found(key, path, fingerprint, size_bytes, told)
    return found


def lines(file: Found, offset: int) -> Iterator[Line]:
    """Yield the complete lines from `offset` on; from the beginning where the file has become shorter."""
    if file.size_bytes < offset:
        offset = 0
    with suppress(FileNotFoundError), open(file.path, "rb") as stream:  # or the next scan knows its new name
        stream.seek(file.input.fingerprint_offset)
        beginning = stream.read(file.input.fingerprint_length)
        if hashlib.sha256(beginning).hexdigest() != file.fingerprint:
            return  # another file took its name
        stream.seek(offset)
        for raw in stream:
            if not raw.endswith(b"\n"):
                return
            end = offset + len(raw)
            text = raw.rstrip(b"\r\n")
            if text:
                yield Line(file, offset, end, text)
            offset = end
