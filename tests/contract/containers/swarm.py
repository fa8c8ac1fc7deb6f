"""H26: compose.yml says nothing that a swarm would silently forget, or refuse.

Kept: `docker stack deploy` does the same with it. Translated: the renderer of the stack file knows what to do. The
lists follow docker/cli 29.7 (`cli/compose/types`, `schema/data/config_schema_v3.13.json`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.contract.containers.finding import Complaints, Project

TOP = {
    *"services networks volumes configs secrets".split(),
    "name",  # translated: the stack's name is an argument
}
SERVICE = {
    *"cap_add cap_drop command configs deploy dns dns_search entrypoint env_file environment extra_hosts".split(),
    *"healthcheck hostname image init labels logging networks ports read_only secrets".split(),
    *"stop_grace_period stop_signal sysctls ulimits user volumes working_dir".split(),
    # translated
    "build",  # images come from a registry, by digest
    "depends_on",  # the order of the deploy, and a restart policy
    "network_mode",  # `none` only: secrets are objects of the swarm, so that service goes
    "pull_policy",  # never, of our images: a swarm's come from a registry that is named
    "profiles",  # the renderer is told which
    "restart",  # deploy.restart_policy
    "security_opt",  # "no-new-privileges": true in daemon.json: H25
    "shm_size",  # a tmpfs at /dev/shm
}
#: Other rules object to these: one complaint is enough.
JUDGED_ELSEWHERE = {"privileged", "devices", "device_cgroup_rules", "pid", "ipc", "uts", "userns_mode", "cgroup"}
DEPLOY = set("mode replicas labels update_config rollback_config resources restart_policy placement".split())
HEALTHCHECK = set("disable interval test timeout retries start_period start_interval".split())
LOGGING = {"driver", "options"}
MOUNT = {
    "bind": {"type", "source", "target", "read_only", "bind"},
    "volume": {"type", "source", "target", "read_only", "volume"},
    "tmpfs": {"type", "target", "read_only", "tmpfs"},
}
NETWORK = set("driver driver_opts ipam external internal attachable labels name".split())
VOLUME = set("driver driver_opts external labels name".split())


def h26_swarm(project: Project) -> Complaints:
    """Only keys that a swarm understands or the renderer translates."""
    raw = project.raw
    yield from _unknown("*", "key", raw, TOP)
    for name, network in (raw.get("networks") or {}).items():
        yield from _unknown("*", f"network {name}:", network or {}, NETWORK)
    for name, volume in (raw.get("volumes") or {}).items():
        yield from _unknown("*", f"volume {name}:", volume or {}, VOLUME)
    for name, service in raw["services"].items():
        yield from _unknown(name, "key", service, SERVICE | JUDGED_ELSEWHERE)
        yield from _service(name, service)


def _service(name: str, service: dict[str, Any]) -> Complaints:
    deploy = service.get("deploy") or {}
    yield from _unknown(name, "deploy.", deploy, DEPLOY)
    resources = deploy.get("resources") or {}
    yield from _unknown(name, "deploy.resources.", resources, {"limits", "reservations"})
    yield from _unknown(name, "deploy.resources.limits.", resources.get("limits") or {}, {"cpus", "memory", "pids"})
    yield from _unknown(name, "healthcheck.", service.get("healthcheck") or {}, HEALTHCHECK)
    yield from _unknown(name, "logging.", service.get("logging") or {}, LOGGING)
    if service.get("network_mode") not in (None, "none", "host"):
        yield name, f"network_mode {service['network_mode']}"
    for port in service.get("ports") or []:
        if isinstance(port, dict) and "host_ip" in port:
            yield name, "a port in the long form with host_ip"
    for volume in service.get("volumes") or []:
        if isinstance(volume, dict):
            yield from _unknown(name, "mount.", volume, MOUNT.get(volume.get("type", ""), set()))
            yield from _unknown(name, "mount.tmpfs.", volume.get("tmpfs") or {}, {"size"})
    if isinstance(service.get("env_file"), list) and any(isinstance(item, dict) for item in service["env_file"]):
        yield name, "env_file in the long form"


def _unknown(service: str, where: str, node: Iterable[str], known: set[str]) -> Complaints:
    separator = "" if where.endswith(".") else " "
    for key in node:
        if key not in known and not key.startswith("x-"):
            yield service, f"{where}{separator}{key}"
