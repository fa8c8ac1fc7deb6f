"""H6, H7, H13 and H14: what a container may write, and what it sees of the host."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.contract.containers.compose import bytes_of
from tests.contract.containers.finding import Complaints, Project

#: Directories of the host that no container has a reason to see.
SENSITIVE = {"/", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sys", "/usr", "/var"}


def h6_read_only(project: Project) -> Complaints:
    """The image's files cannot be changed."""
    for name, service in project.services:
        if service.get("read_only") is not True:
            yield name, "not read_only"


def h7_writable(project: Project) -> Complaints:
    """What can be written has a bound and one owner: sized tmpfs, read-only binds, volumes of one user each."""
    writers: dict[str, dict[str, str]] = defaultdict(dict)
    for name, service in project.services:
        for option in service.get("tmpfs") or []:
            if "size=" not in option:
                yield name, f"tmpfs {option.partition(':')[0]} has no size"
        for volume in service.get("volumes") or []:
            target = volume["target"]
            if volume["type"] == "tmpfs" and not bytes_of((volume.get("tmpfs") or {}).get("size") or 0):
                yield name, f"tmpfs {target} has no size"
            if volume["type"] == "bind" and not volume.get("read_only"):
                yield name, f"bind {target} can be written"
            if volume["type"] == "volume" and not volume.get("read_only"):
                if "source" not in volume:
                    yield name, f"volume {target} has no name"
                else:
                    writers[volume["source"]][name] = str(service.get("user", "")).partition(":")[0]
    for volume_name, users in writers.items():
        if len(set(users.values())) > 1:
            for name in users:
                yield name, f"volume {volume_name} is written by several users"


def h13_docker_socket(project: Project) -> Complaints:
    """No container reaches the engine."""
    for name, service in project.services:
        for volume in binds(service):
            if volume["source"].endswith((".sock", "/var/run", "/run/docker", "/var/lib/docker")):
                yield name, f"bind {volume['source']}"


def h14_host_directories(project: Project) -> Complaints:
    """No directory of the host that tells or decides much, and nothing mounted inside reaches the host."""
    for name, service in project.services:
        for volume in binds(service):
            source = volume["source"].rstrip("/") or "/"
            if source in SENSITIVE and source != "/var/run":
                yield name, f"bind {source}"
            propagation = (volume.get("bind") or {}).get("propagation", "")
            if propagation in {"shared", "rshared"}:
                yield name, f"propagation {propagation}"


def binds(service: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mounts of a service that show a path of the host."""
    return [volume for volume in service.get("volumes") or [] if volume["type"] == "bind"]
