"""What a container is really like: what the engine says of it, and what the kernel says of its processes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.commands import docker, wait_for

NAMESPACES = ("pid", "net", "ipc", "uts", "mnt")

#: Bits of a set of capabilities, as far as anybody is likely to add them; the others keep their number.
CAPABILITIES = dict(
    enumerate(
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE"
        " NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT"
        " SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL"
        " SETFCAP".split()
    )
)


@dataclass(frozen=True)
class Mount:
    """A line of /proc/<pid>/mountinfo."""

    target: str
    kind: str
    options: frozenset[str]

    @property
    def size_bytes(self) -> int | None:
        """The size of a tmpfs; None when it has none."""
        for option in self.options:
            if option.startswith("size="):
                number, unit = option[5:].rstrip("kmg%"), option[-1]
                return int(number) * {"k": 1024, "m": 1024**2, "g": 1024**3}.get(unit, 1)
        return None


@dataclass(frozen=True)
class Facts:
    """A container: `inspect` by the engine; of each of its processes, if it runs, `statuses`; `mounts` of the first."""

    service: str
    inspect: dict[str, Any]
    one_shot: bool = False
    statuses: list[dict[str, str]] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    shared_namespaces: set[str] = field(default_factory=set)
    changed_paths: list[str] = field(default_factory=list)
    arguments: str = ""

    @property
    def host(self) -> dict[str, Any]:
        """The part of `inspect` that says what the container is allowed."""
        return self.inspect["HostConfig"]


def gather(service: str, inspect: dict[str, Any], *, one_shot: bool) -> Facts:
    """Look at a container; at its processes too, if it runs."""
    identity, pid = inspect["Id"], inspect["State"]["Pid"]
    changed = [line[2:] for line in docker("diff", identity).splitlines()]
    if not pid:
        return Facts(service, inspect, one_shot, changed_paths=changed)
    pids = docker("top", identity, "-eo", "pid").split()[1:]
    return Facts(
        service,
        inspect,
        one_shot,
        statuses=[status for process in pids if (status := status_of_program(process))],
        mounts=read_mounts(pid),
        shared_namespaces={name for name in NAMESPACES if _namespace(str(pid), name) == _namespace("self", name)},
        changed_paths=changed,
        arguments=docker("top", identity, "-eo", "pid,args"),
    )


def status_of_program(pid: str) -> dict[str, str]:
    """Return what `read_status` does, once the program runs: a health check begins as the engine's own helper."""
    read: dict[str, str] = {}

    def runs() -> bool:
        read.clear()
        read.update(read_status(pid))
        return not read.get("Name", "").startswith("runc:")

    wait_for(f"process {pid} to run its program", runs, 10, 0.01)
    return read


def read_status(pid: str | int) -> dict[str, str]:
    """Return /proc/<pid>/status by name; empty when the process has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def read_mounts(pid: int) -> list[Mount]:
    """Return what is mounted for a process. Raises FileNotFoundError when it has ended."""
    mounts = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, _, target, options, *_ = before.split()
        kind, _, super_options = after.split(" ", 2)
        # whether it is read-only is said of the mount, the size of its file system
        sizes = {option for option in super_options.split(",") if option.startswith("size=")}
        mounts.append(Mount(target, kind, frozenset(options.split(",")) | sizes))
    return mounts


def capabilities(hexadecimal: str) -> list[str]:
    """Return the names in a set of capabilities as /proc shows it."""
    bits = int(hexadecimal, 16)
    return [CAPABILITIES.get(bit, str(bit)) for bit in range(bits.bit_length()) if bits >> bit & 1]


def inspect(container: str) -> dict[str, Any]:
    """Return what the engine says of a container."""
    return json.loads(docker("inspect", container))[0]


def _namespace(pid: str, name: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{name}")
