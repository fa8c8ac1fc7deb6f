"""Volumes of data and logs: given to the one user that writes them, before that one starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.table import VOLUMES, Group, Volume


def give(root: Path, volumes: Mapping[str, Volume] = VOLUMES) -> list[str]:
    """Give each volume below `root` to its writer, with all that is in it; return the names of those that changed.

    A volume's own directory comes last: an interrupted run is completed by the next one, and a volume that is right
    costs no look into it. Raises SecretsError where a volume is missing or cannot be given.
    """
    given = []
    for name, volume in volumes.items():
        top = root / name
        try:
            found = top.stat()
            if (found.st_uid, found.st_gid) != volume.owner:
                _give_all(top, volume.owner)
                given.append(name)
            top.chmod(volume.mode)
        except OSError as error:
            raise SecretsError(f"{top} cannot be given to the user {volume.owner.uid}: {error.strerror}") from error
    return given


def _give_all(top: Path, owner: Group) -> None:
    for _, directories, files, descriptor in os.fwalk(top, topdown=False, onerror=_raise):
        for name in (*directories, *files):  # of a link itself: its writer chose where it leads
            os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
    os.chown(top, *owner)


def _raise(error: OSError) -> None:
    raise error
