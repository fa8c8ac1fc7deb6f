"""H1 to H5 and H12: what a container's processes may do."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.contract.containers.finding import Complaints, Project

_USER = re.compile(r"^[1-9][0-9]*:[0-9]+$")
_NO_NEW_PRIVILEGES = {"no-new-privileges:true", "no-new-privileges=true", "no-new-privileges"}
_NAMESPACES = ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup")


def h1_user(project: Project) -> Complaints:
    """A numeric user who is not root, and a numeric group; and no other service's user, whatever the group.

    Who has the user of a process may see its environment, its files and its memory, wherever the kernel shows them.
    """
    services: dict[str, list[str]] = defaultdict(list)
    for name, service in project.services:
        user = str(service.get("user", ""))
        if _USER.match(user):
            services[user.partition(":")[0]].append(name)
        else:
            yield name, f"user {user}" if user else "no user"
    for uid, names in services.items():
        if len(names) > 1:
            for name in names:
                yield name, f"shares the user {uid}"


def h2_capabilities(project: Project) -> Complaints:
    """All capabilities dropped, none added."""
    for name, service in project.services:
        if service.get("cap_drop") != ["ALL"]:
            yield name, "cap_drop is not ALL alone"
        for capability in service.get("cap_add") or []:
            yield name, f"cap_add {capability}"


def h3_no_new_privileges(project: Project) -> Complaints:
    """No process gets privileges by executing a program."""
    for name, service in project.services:
        if not _NO_NEW_PRIVILEGES & set(service.get("security_opt") or []):
            yield name, "no no-new-privileges"


def h4_seccomp(project: Project) -> Complaints:
    """The engine's filter of system calls, and its other confinements, stay on."""
    for name, service in project.services:
        for option in service.get("security_opt") or []:
            if option.endswith(("unconfined", "label:disable", "label=disable")):
                yield name, f"security_opt {option}"


def h5_devices(project: Project) -> Complaints:
    """Neither privileged nor with devices of the host."""
    for name, service in project.services:
        if service.get("privileged"):
            yield name, "privileged"
        for key in ("devices", "device_cgroup_rules"):
            if service.get(key):
                yield name, key


def h12_namespaces(project: Project) -> Complaints:
    """No namespace of the host or of another container."""
    for name, service in project.services:
        for key in _NAMESPACES:
            value = str(service.get(key) or "")
            if value == "host" or value.startswith(("container:", "service:")):
                yield name, f"{key} {value}"
