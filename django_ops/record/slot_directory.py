"""The slot directory that a server makes for itself where its environment names none, and removes when it ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from django_ops.exceptions import SlotError
from django_ops.record import owner, slot

#: Names the directory that a server made for itself: another server that inherits the environment makes another.
OWN_VARIABLE = "DJANGO_OPS_OWN_SLOTS"

_owner_pid = 0  # the process that removes the directory again


def provide() -> None:
    """Make a slot directory for this process and its children where the environment names none.

    Raises OSError when there is no place for a temporary directory.
    """
    global _owner_pid
    given = os.environ.get(slot.DIRECTORY_VARIABLE)
    if given and given != os.environ.get(OWN_VARIABLE):
        return
    if _owner_pid and os.access(given or "", os.W_OK | os.X_OK):  # else root made it, before it became another user
        return
    made = tempfile.mkdtemp(prefix="django-ops-")
    os.environ[slot.DIRECTORY_VARIABLE] = os.environ[OWN_VARIABLE] = made
    _owner_pid = os.getpid()
    atexit.register(remove)


def hand_over(uid: int, gid: int, *, has_own_groups: bool) -> None:
    """Give what root makes in this process, and the directory, to the user that its children will run as.

    `has_own_groups`: they will have the further groups of that user, and not root's. Raises SlotError where the
    environment names a directory which that user cannot write.
    """
    if os.geteuid() != 0 or uid == 0:
        return
    owner.hand_over(uid, gid)
    where = slot.directory()
    if where is None:
        return
    name = owner.name_of(uid)
    try:
        if _owner_pid:
            os.chown(where, uid, gid)
            return
        owner.make_directory(where)
        can_write = owner.may_write(where, uid, gid, has_own_groups=has_own_groups)
    except OSError as error:
        raise SlotError(f"{slot.DIRECTORY_VARIABLE} names {where}, which cannot be given to {name}: {error}") from error
    if not can_write:
        raise SlotError(
            f"{slot.DIRECTORY_VARIABLE} names {where}, which {name} cannot write, and the workers run as this user."
            f" Give the directory to it (chown {name} {where}), or unset the variable."
        )


def take_over() -> None:
    """Own the directory in the process that the server's first one has become, such as a daemon."""
    global _owner_pid
    if _owner_pid:
        _owner_pid = os.getpid()


def remove() -> None:
    """Remove the directory, if this process owns one: its children leave through here as well."""
    if os.getpid() == _owner_pid:
        shutil.rmtree(os.environ[OWN_VARIABLE], ignore_errors=True)
