"""H6, H7, H13 and H14: what a container may write, and what it sees of the host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tests.contract.containers.compose import bytes_of
from tests.contract.containers.finding import Complaints, Project

#: Directories of the host that no container has a reason to see.
SENSITIVE = {"/", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sys", "/usr", "/var"}
#: What shows, or reaches, the host's processes and devices: even who may see its root does not see these.
COVERED = ("proc", "sys", "dev", "run")


def h6_read_only(project: Project) -> Complaints:
    """The image's files cannot be changed."""
    for name, service in project.services:
        if service.get("read_only") is not True:
            yield name, "not read_only"


def h7_writable(project: Project) -> Complaints:
    """What can be written has a bound and one owner: sized tmpfs, read-only binds, volumes of one service each.

    A tmpfs counts as memory: whoever fills all that a service has must not end the service.

    Who gives a volume to its owner has ended before that one starts, which waits for it: this is no second writer.
    """
    services = dict(project.services)
    writers: dict[str, set[str]] = defaultdict(set)
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
                    writers[volume["source"]].add(name)
        limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        sizes = [(volume.get("tmpfs") or {}).get("size") or 0 for volume in service.get("volumes") or []]
        if limits.get("memory") and sum(map(bytes_of, sizes)) >= bytes_of(limits["memory"]):
            yield name, "its tmpfs may take all of its memory"
    for volume_name, names in writers.items():
        owners = {name for name in names if not _all_wait(services, names - {name}, name)}
        if len(owners) > 1:
            for name in owners:
                yield name, f"volume {volume_name} is written by several services"


def _all_wait(services: Mapping[str, dict[str, Any]], names: set[str], name: str) -> bool:
    """Tell whether there are such services, and each starts only when the service `name` has ended well."""
    conditions = [(services[other].get("depends_on") or {}).get(name) or {} for other in names]
    return bool(conditions) and all(each.get("condition") == "service_completed_successfully" for each in conditions)


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
            if source == "/":
                covers = {mount["target"] for mount in service["volumes"] if mount["type"] == "tmpfs"}
                yield from ((name, f"sees /{part}") for part in COVERED if f"{volume['target']}/{part}" not in covers)
            propagation = (volume.get("bind") or {}).get("propagation", "")
            if propagation in {"shared", "rshared"}:
                yield name, f"propagation {propagation}"


def binds(service: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the mounts of a service that show a path of the host."""
    return [volume for volume in service.get("volumes") or [] if volume["type"] == "bind"]
