"""H10 and H11: who reaches whom."""

from __future__ import annotations

from tests.contract.containers.finding import Complaints, Project

#: The one service that is reached from outside.
EDGE = "nginx"
#: Networks from which the outside can be reached, and who may be on them.
OUTWARD = {"edge": {"nginx"}, "egress": {"web", "worker", "alertmanager"}}
#: What the edge must never reach, whatever happens to it.
STORES = ("postgres", "redis", "memcached", "elasticsearch")
#: Networks that must exist, so that renaming all into one does not pass.
INWARD = {"web", "data", "logs", "metrics", "ui"}


def h10_ports(project: Project) -> Complaints:
    """Only the edge publishes, and only on this machine unless its operator says otherwise."""
    for name, service in project.services:
        for port in service.get("ports") or []:
            if name != EDGE:
                yield name, f"publishes {port['target']}"
            elif port.get("host_ip") != "127.0.0.1":
                yield name, f"publishes {port['target']} on {port.get('host_ip') or 'every address'}"


def h11_segments(project: Project) -> Complaints:
    """Networks by purpose, internal but for two, and none that the edge shares with a store."""
    networks = project.config.get("networks") or {}
    for network in sorted(INWARD | OUTWARD.keys()):
        if network not in networks:
            yield "*", f"no network {network}"
    for network, options in networks.items():
        if network in OUTWARD or network == "default":
            continue
        if not (options or {}).get("internal"):
            yield "*", f"network {network} is not internal"
    joined = {name: set(service.get("networks") or {}) for name, service in project.services}
    for name, own in joined.items():
        if "default" in own:
            yield name, "is on the default network"
        for network in sorted(own & OUTWARD.keys()):
            if name not in OUTWARD[network]:
                yield name, f"is on {network}"
        if name in STORES and own & joined.get(EDGE, set()):
            yield name, f"shares a network with {EDGE}"
