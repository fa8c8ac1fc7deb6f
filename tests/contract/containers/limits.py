"""H8, H9, H19, H20, H21 and H24: what a container may use, and how it lives and ends."""

from __future__ import annotations

import re

from tests.contract.containers.compose import bytes_of
from tests.contract.containers.finding import Complaints, Project

_HEAP = re.compile(r"-Xm([sx])(\d+[kmg])", re.IGNORECASE)


def h8_limits(project: Project) -> Complaints:
    """Bounded CPU, memory and number of processes."""
    for name, service in project.services:
        limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        for key in ("cpus", "memory", "pids"):
            if not limits.get(key):
                yield name, f"no limit of {key}"


def h9_health(project: Project) -> Complaints:
    """A health check, but for services that end: their exit status says it."""
    for name, service in project.services:
        check = service.get("healthcheck") or {}
        if name not in project.one_shots and (check.get("disable") or check.get("test") in (None, [], ["NONE"])):
            yield name, "no health check"


def h19_logs(project: Project) -> Complaints:
    """What goes to stdout cannot fill the disk."""
    for name, service in project.services:
        logging = service.get("logging") or {}
        options = logging.get("options") or {}
        if logging.get("driver") != "json-file" or not {"max-size", "max-file"} <= set(options):
            yield name, "logs without a bound"


def h20_restart(project: Project) -> Complaints:
    """What dies comes back; what has done its work does not."""
    for name, service in project.services:
        expected = "no" if name in project.one_shots else "unless-stopped"
        if service.get("restart") != expected:
            yield name, f"restart {service.get('restart')}"


def h21_stop(project: Project) -> Complaints:
    """Asked to stop, it does: PID 1 passes signals on, and the time for it is set."""
    for name, service in project.services:
        if not service.get("stop_grace_period") and name not in project.one_shots:
            yield name, "no stop_grace_period"
        if service.get("init") is not True:
            yield name, "no init"


def h24_elasticsearch(project: Project) -> Complaints:
    """Elasticsearch runs on a host that nobody has prepared, in the memory that it was given."""
    for name, service in project.services:
        if "/elasticsearch:" not in service.get("image", ""):
            continue
        environment = service.get("environment") or {}
        heap = {bound.lower(): bytes_of(size) for bound, size in _HEAP.findall(environment.get("ES_JAVA_OPTS") or "")}
        limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        if not heap.get("x") or heap.get("s") != heap["x"]:
            yield name, "heap not fixed"
        elif limits.get("memory") and heap["x"] * 2 > bytes_of(limits["memory"]):
            yield name, "heap above half of the memory limit"
        if environment.get("bootstrap.memory_lock") == "true" and "memlock" not in (service.get("ulimits") or {}):
            yield name, "memory_lock without a ulimit"
        if environment.get("node.store.allow_mmap") != "false" and environment.get("discovery.type") != "single-node":
            # otherwise vm.max_map_count of the host stops it from starting
            yield name, "neither a single node nor without mmap"
