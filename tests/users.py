"""Another user of this machine, for tests of files that are not one's own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.programs import MissingError, require_root

#: nobody; the number need not be in /etc/passwd.
UID = GID = 65534


class MissingReaderError(MissingError):
    """A server cannot run as somebody else where only root reaches its code or its Python."""

    def __init__(self) -> None:
        super().__init__("only root can read this folder, or its Python")


def require_servers_of_another() -> None:
    """Raises MissingRootError or MissingReaderError where no server can be run that becomes the other user."""
    require_root()
    needed = (__file__, os.__file__, sys.prefix)
    if not as_another(lambda: all(os.access(path, os.R_OK) for path in needed)):
        raise MissingReaderError


@contextmanager
def directory_of_another() -> Iterator[Path]:
    """Make a directory that the other user owns and reaches; this user owns it where that is not root."""
    path = Path(tempfile.mkdtemp(prefix="django-ops-test-"))
    try:
        if os.geteuid() == 0:
            os.chown(path, UID, GID)
        yield path
    finally:
        path.chmod(0o700)
        shutil.rmtree(path)


def make_foreign(file: Path) -> None:
    """Make a file that the other user cannot open: root's, or where this user is not root one without rights."""
    file.touch()
    file.chmod(0o600 if os.geteuid() == 0 else 0)


def as_another(do: Callable[[], Any]) -> Any:
    """Return what `do` returns in a process of the other user; it is passed on as JSON.

    Where this user is not root, and so cannot become another, in a process of its own.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(GID)
                os.setuid(UID)
            with os.fdopen(write, "w") as told:
                json.dump(do(), told)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as told:
        answer = told.read()
    assert os.waitpid(pid, 0)[1] == 0, "the other user's process failed: see its traceback above"
    return json.loads(answer)
