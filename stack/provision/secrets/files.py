"""Secret files on disk: replaced in one step, owned by their reader, never half there."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.table import Group

DIRECTORY_MODE = 0o700
FILE_MODE = 0o400
_UNFINISHED = ".unfinished"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep all others who would change secrets waiting."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(path: Path) -> str | None:
    """Return what is in the file, or None where there is none. Raises SecretsError where it cannot be read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise SecretsError(f"{path} is no regular file. Remove it, and start again.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return "\0"  # matches no template
    except OSError as error:
        raise SecretsError(f"{path} cannot be read: {error.strerror}") from error


def prepare(directory: Path, group: Group) -> None:
    """Give the directory to its readers, and remove what an interrupted run left in it."""
    for leftover in directory.glob(f"*{_UNFINISHED}"):
        leftover.unlink()
    _own(directory, group, DIRECTORY_MODE)


def write(path: Path, content: str, group: Group) -> None:
    """Replace the file by one with `content`: whoever reads it finds the old or the new one, whole.

    Raises SecretsError; the old file is there then.
    """
    unfinished = path.with_name(path.name + _UNFINISHED)
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _own(unfinished, group, FILE_MODE)
        unfinished.rename(path)
        _sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise SecretsError(f"{path} cannot be written: {error.strerror}") from error


def give(path: Path, group: Group) -> None:
    """Give a file that is as it should be to its readers, where it is another's."""
    _own(path, group, FILE_MODE)


def _own(path: Path, group: Group, mode: int) -> None:
    try:
        found = path.stat()
        if (found.st_uid, found.st_gid) != group:
            os.chown(path, group.uid, group.gid)
        if stat.S_IMODE(found.st_mode) != mode:
            path.chmod(mode)
    except OSError as error:
        raise SecretsError(f"{path} cannot be given to the user {group.uid}: {error.strerror}") from error


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
