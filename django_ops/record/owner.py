"""Whose the files are that this process makes: what root makes, the site's user must be able to use."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from pathlib import Path

_heir: tuple[int, int] | None = None  # user and group


def hand_over(uid: int, gid: int) -> None:
    """Give to this user what root makes from now on: a master is root, and its workers run as somebody else."""
    global _heir
    _heir = (uid, gid)


def make_directory(path: Path) -> None:
    """Make a directory and what is missing above it. Raises OSError."""
    if path.is_dir():
        return
    make_directory(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
        if os.geteuid() == 0:
            _give(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), path.parent, closes=True)


def open_file(path: Path, flags: int, mode: int) -> int:
    """Open a file, making it where it is missing, and return its descriptor. Raises OSError.

    What root makes belongs to whoever owns the directory: `sudo manage.py migrate` may come before the site's user.
    That user may put links and pipes there, which would lead root's writes elsewhere or stop them: to root they are
    somebody else's, a PermissionError. The directory itself and links on the way to it are trusted (SECURITY.md), so is
    what lies in a directory where only root may write.
    """
    if os.geteuid() != 0 or _is_roots(path.parent):
        return os.open(path, flags | os.O_CREAT, mode)
    try:
        # so that nothing is given away but what was made here
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return _open_plain(path, flags | os.O_CREAT, mode)
    _give(descriptor, path.parent)
    return descriptor


def _is_roots(directory: Path) -> bool:
    found = directory.stat()
    return found.st_uid == 0 and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def may_write(directory: Path, uid: int, gid: int, *, has_own_groups: bool) -> bool:
    """Tell whether a user may make files in a directory. Only root can ask.

    The user has its own further groups, where the system knows it, or else those of root. Raises OSError where this
    root may not become the user, as in some containers.
    """
    group, groups = os.getegid(), os.getgroups()
    try:
        if has_own_groups:
            with contextlib.suppress(KeyError):
                os.initgroups(pwd.getpwuid(uid).pw_name, gid)
        os.setegid(gid)
        os.seteuid(uid)
        return os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=True)
    finally:
        os.seteuid(0)
        os.setegid(group)
        if has_own_groups:
            os.setgroups(groups)


def is_of_another(path: Path, error: OSError) -> bool:
    """Tell whether a file could not be opened because it is another user's, and not because of its directory."""
    return isinstance(error, PermissionError) and os.path.lexists(path)


def name_of(uid: int) -> str:
    """Return a user's name, or its number where the system knows no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def whose(path: Path) -> str:
    """Return " (... belongs to ...)" where what there is of a path is another user's, for a message; else ""."""
    try:
        while not os.path.lexists(path):
            path = path.parent
        uid = os.stat(path).st_uid
    except OSError:
        return ""
    return "" if uid == os.geteuid() else f" ({path} belongs to {name_of(uid)})"


def _open_plain(path: Path, flags: int, mode: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket
            raise _not_plain(path) from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise _not_plain(path)
    return descriptor


def _not_plain(path: Path) -> PermissionError:
    return PermissionError(errno.EACCES, "not a file of its own, and root does not follow it", str(path))


def _give(descriptor: int, directory: Path, *, closes: bool = False) -> None:
    try:
        with contextlib.suppress(OSError):  # a root that may not give away, as in many containers
            found = os.stat(directory)
            uid, gid = _heir or (found.st_uid, found.st_gid)
            os.fchown(descriptor, uid, gid)
    finally:
        if closes:
            os.close(descriptor)
