"""Looks around in a container as somebody who has taken it over: its files, its user, and no more rights.

    python3 crawler.py PID < JSON

PID is one of the container's processes, as this machine counts; root is needed to get in. JSON has `files`: what
belongs to other containers, as [device, inode, name]. Prints JSON: `processes` of others that can be read ("12
environ"), and the names of the files that can be.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000
PR_SET_NO_NEW_PRIVS = 38


def enter(pid: str) -> None:
    """Become a process of the container: its root, its user and groups, no capability. Raises OSError."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    uid, gid = (int(status[name].split()[1]) for name in ("Uid", "Gid"))
    groups = [int(group) for group in status["Groups"].split()]
    descriptor = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNS) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot enter")
    os.chdir("/")
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def mounts_of_processes() -> Iterator[str]:
    """Yield where a /proc is mounted; it may be covered by another mount."""
    for line in Path("/proc/1/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("proc "):
            yield before.split()[4]


def processes(own: str) -> Iterator[str]:
    """Yield what can be read of each process that is not in the namespace of processes `own`."""
    for proc in mounts_of_processes():
        with suppress(OSError):
            for pid in filter(str.isdecimal, os.listdir(proc)):
                yield from (f"{pid} {what}" for what in readable(f"{proc}/{pid}", own))


def readable(process: str, own: str) -> Iterator[str]:
    """Yield what of environ, root and mem can be opened."""
    try:
        if os.readlink(f"{process}/ns/pid") == own:
            return
    except OSError:
        pass  # another's, or it has ended
    for name, look in (("environ", opened), ("root", os.listdir), ("mem", opened)):
        with suppress(OSError):
            look(f"{process}/{name}")
            yield name


def opened(path: str) -> None:
    """Open a file and read a little, but of memory, whose first page nobody has. Raises OSError."""
    with open(path, "rb", buffering=0) as file:
        if not path.endswith("/mem"):
            file.read(1)


def files(wanted: dict[tuple[int, int], str]) -> Iterator[str]:
    """Yield the name of each wanted file or directory that is met on the way through all that can be seen."""
    covered = re.compile(r"/(proc|sys)")  # the container's own: what is behind it is asked for by `processes`
    folders = ["/"]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if covered.fullmatch(entry.path):
                continue
            with suppress(OSError):
                found = entry.stat(follow_symlinks=False)
                name = wanted.get((found.st_dev, found.st_ino))
                if name and os.access(entry.path, os.R_OK):
                    yield name
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def main() -> None:
    """Enter, look, and tell."""
    wanted = {(device, inode): name for device, inode, name in json.load(sys.stdin)["files"]}
    own = os.readlink(f"/proc/{sys.argv[1]}/ns/pid")
    enter(sys.argv[1])
    json.dump({"processes": sorted(processes(own)), "files": sorted(set(files(wanted)))}, sys.stdout)


if __name__ == "__main__":
    main()
