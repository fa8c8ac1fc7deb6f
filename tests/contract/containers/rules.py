"""All rules by number, and what they find in a project."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.contract.containers import host, limits, networks, privileges, storage, supply, swarm
from tests.contract.containers.finding import Complaints, Finding, Project

#: The rules that can be judged from files. H17 (setuid) and H18 (minimal) look into images: tests/e2e.
RULES: dict[str, Callable[[Project], Complaints]] = {
    "H1": privileges.h1_user,
    "H2": privileges.h2_capabilities,
    "H3": privileges.h3_no_new_privileges,
    "H4": privileges.h4_seccomp,
    "H5": privileges.h5_devices,
    "H6": storage.h6_read_only,
    "H7": storage.h7_writable,
    "H8": limits.h8_limits,
    "H9": limits.h9_health,
    "H10": networks.h10_ports,
    "H11": networks.h11_segments,
    "H12": privileges.h12_namespaces,
    "H13": storage.h13_docker_socket,
    "H14": storage.h14_host_directories,
    "H15": supply.h15_secrets,
    "H16": supply.h16_versions,
    "H19": limits.h19_logs,
    "H20": limits.h20_restart,
    "H21": limits.h21_stop,
    "H22": supply.h22_default_credentials,
    "H23": supply.h23_tls,
    "H24": limits.h24_elasticsearch,
    "H25": host.h25_daemon,
    "H26": swarm.h26_swarm,
}
#: Judged from images and containers only.
RUNNING_ONLY = {"H17", "H18"}


def findings(project: Project, rules: Iterable[str] = RULES) -> set[Finding]:
    """Return everything that `rules` object to, waived or not."""
    return {Finding(service, rule, what) for rule in rules for service, what in RULES[rule](project)}
