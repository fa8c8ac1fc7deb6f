"""H1 to H22 on containers that run: the same words as the rules on compose.yml, so that one waiver covers both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from tests.contract.containers.finding import Finding
from tests.contract.containers.networks import EDGE, OUTWARD, STORES
from tests.contract.containers.storage import SENSITIVE
from tests.contract.containers.supply import OPEN_DOORS
from tests.e2e.facts import Facts, capabilities

#: What the engine itself mounts so that it can be written: of the kernel, or private to the container.
ENGINES_OWN = ("/proc", "/dev", "/sys/fs/cgroup")
#: Files that the engine puts into every container; it binds them from its own directory.
ENGINES_FILES = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/.dockerenv", "/dev/init"}
ENGINES_FILES |= {"/sbin/docker-init", "/usr/sbin/docker-init"}
_ANONYMOUS = re.compile(r"^[0-9a-f]{64}$")


def h1_user(facts: Facts) -> Iterator[str]:
    user = facts.inspect["Config"]["User"]
    if not re.fullmatch(r"[1-9][0-9]*:[0-9]+", user):
        yield f"user {user}" if user else "no user"
    for status in facts.statuses:
        if "0" in status["Uid"].split():
            yield f"{status['Name']} runs as root"


def h2_capabilities(facts: Facts) -> Iterator[str]:
    if facts.host["CapDrop"] != ["ALL"]:
        yield "cap_drop is not ALL alone"
    added = {name.removeprefix("CAP_") for name in facts.host["CapAdd"] or []}
    for status in facts.statuses:
        for kind in ("CapEff", "CapBnd", "CapPrm", "CapInh", "CapAmb"):
            added |= set(capabilities(status[kind]))
    yield from (f"cap_add {name}" for name in sorted(added))


def h3_no_new_privileges(facts: Facts) -> Iterator[str]:
    options = facts.host["SecurityOpt"] or []
    asked = any(option.startswith("no-new-privileges") and "false" not in option for option in options)
    if (not facts.statuses and not asked) or any(status["NoNewPrivs"] != "1" for status in facts.statuses):
        yield "no no-new-privileges"


def h4_seccomp(facts: Facts) -> Iterator[str]:
    for option in facts.host["SecurityOpt"] or []:
        if "unconfined" in option:
            yield f"security_opt {option}"
    if any(status["Seccomp"] != "2" for status in facts.statuses):
        yield "system calls are not filtered"


def h5_devices(facts: Facts) -> Iterator[str]:
    if facts.host["Privileged"]:
        yield "privileged"
    if facts.host["Devices"]:
        yield "devices"


def h6_read_only(facts: Facts) -> Iterator[str]:
    root = [mount for mount in facts.mounts if mount.target == "/"]
    if not facts.host["ReadonlyRootfs"] or any("ro" not in mount.options for mount in root):
        yield "not read_only"
    expected = {_real(mount["Destination"]) for mount in facts.inspect["Mounts"]} | {m.target for m in facts.mounts}
    for path in facts.changed_paths:
        # a place to mount at is made before the root becomes read-only, and changes the directory that it is in
        if not any(f"{target}/".startswith(f"{path}/") for target in expected | ENGINES_FILES):
            yield f"changed {path}"


def h7_writable(facts: Facts) -> Iterator[str]:
    declared = {mount["Destination"] for mount in facts.inspect["Mounts"] if mount["RW"]}
    declared |= {mount["Target"] for mount in facts.host.get("Mounts") or [] if not mount.get("ReadOnly")}
    declared |= set(facts.host.get("Tmpfs") or {})
    read_only = {_real(mount["Destination"]) for mount in facts.inspect["Mounts"] if not mount["RW"]}
    for mount in facts.mounts:
        own = mount.target.startswith(ENGINES_OWN)
        above = {path for path in read_only if mount.target.startswith(f"{path}/")}
        if mount.target == "/" or own or "rw" not in mount.options:
            continue
        if above:
            yield f"what is mounted below {min(above)} can be written"
        elif mount.target not in {_real(path) for path in declared} and mount.target not in ENGINES_FILES:
            yield f"{mount.target} can be written"
        elif mount.kind == "tmpfs" and not mount.size_bytes:
            yield f"tmpfs {mount.target} has no size"
    for mount in facts.inspect["Mounts"]:
        if mount["Type"] == "bind" and mount["RW"]:
            yield f"bind {mount['Destination']} can be written"
        if mount["Type"] == "volume" and _ANONYMOUS.match(mount["Name"]):
            yield f"volume {mount['Destination']} has no name"


def _real(path: str) -> str:
    """Return where a directory really is: the images have /var/run as a link."""
    return f"/run/{path.removeprefix('/var/run/')}" if path.startswith("/var/run/") else path


def h8_limits(facts: Facts) -> Iterator[str]:
    for key, name in (("NanoCpus", "cpus"), ("Memory", "memory"), ("PidsLimit", "pids")):
        if not facts.host[key] or facts.host[key] < 0:
            yield f"no limit of {name}"


def h9_health(facts: Facts) -> Iterator[str]:
    if facts.one_shot:
        return
    health = facts.inspect["State"].get("Health")
    if health is None:
        yield "no health check"
    elif health["Status"] != "healthy":
        yield health["Status"]


def h10_ports(facts: Facts) -> Iterator[str]:
    for port, bindings in (facts.inspect["NetworkSettings"]["Ports"] or {}).items():
        for binding in bindings or []:
            number = port.partition("/")[0]
            if facts.service != EDGE:
                yield f"publishes {number}"
            elif binding["HostIp"] != "127.0.0.1":
                yield f"publishes {number} on {binding['HostIp']}"


def h11_segments(facts: Facts) -> Iterator[str]:
    project = facts.inspect["Config"]["Labels"].get("com.docker.compose.project", "")
    joined = {name.removeprefix(f"{project}_") for name in facts.inspect["NetworkSettings"]["Networks"]}
    if joined & {"default", "bridge"}:
        yield "is on the default network"
    for network in sorted(joined & OUTWARD.keys()):
        if facts.service not in OUTWARD[network]:
            yield f"is on {network}"
    if facts.service in STORES and joined & {"web", "edge"}:
        yield f"shares a network with {EDGE}"


def h12_namespaces(facts: Facts) -> Iterator[str]:
    for key in ("NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode"):
        value = facts.host.get(key) or ""
        # the engine shares the cgroup namespace where the machine has cgroups of version 1
        if (value == "host" and key != "CgroupnsMode") or value.startswith("container:"):
            yield f"{key} {value}"
    for name in sorted(facts.shared_namespaces):
        yield f"namespace {name} of the host"


def h13_docker_socket(facts: Facts) -> Iterator[str]:
    for mount in facts.inspect["Mounts"]:
        if mount["Type"] == "bind" and mount["Source"].endswith((".sock", "/var/run", "/run/docker")):
            yield f"bind {mount['Source']}"


def h14_host_directories(facts: Facts) -> Iterator[str]:
    for mount in facts.inspect["Mounts"]:
        if mount["Type"] == "bind" and mount["Source"] in SENSITIVE - {"/run"}:
            yield f"bind {mount['Source']}"
        if mount["Propagation"] in {"shared", "rshared"}:
            yield f"propagation {mount['Propagation']}"


def h19_logs(facts: Facts) -> Iterator[str]:
    log = facts.host["LogConfig"]
    if log["Type"] != "json-file" or not {"max-size", "max-file"} <= set(log["Config"] or {}):
        yield "logs without a bound"


def h20_restart(facts: Facts) -> Iterator[str]:
    name = facts.host["RestartPolicy"]["Name"] or "no"
    if name != ("no" if facts.one_shot else "unless-stopped"):
        yield f"restart {name}"


def h21_stop(facts: Facts) -> Iterator[str]:
    if facts.host.get("Init") is not True:
        yield "no init"
    if facts.inspect["Config"].get("StopTimeout") is None and not facts.one_shot:
        yield "no stop_grace_period"


def h22_default_credentials(facts: Facts) -> Iterator[str]:
    environment = dict(item.split("=", 1) for item in facts.inspect["Config"]["Env"] if "=" in item)
    for variable, pattern in OPEN_DOORS.items():
        if pattern.search(environment.get(variable, "")):
            yield f"open door {variable}"


RULES: dict[str, Callable[[Facts], Iterator[str]]] = {
    "H1": h1_user,
    "H2": h2_capabilities,
    "H3": h3_no_new_privileges,
    "H4": h4_seccomp,
    "H5": h5_devices,
    "H6": h6_read_only,
    "H7": h7_writable,
    "H8": h8_limits,
    "H9": h9_health,
    "H10": h10_ports,
    "H11": h11_segments,
    "H12": h12_namespaces,
    "H13": h13_docker_socket,
    "H14": h14_host_directories,
    "H19": h19_logs,
    "H20": h20_restart,
    "H21": h21_stop,
    "H22": h22_default_credentials,
}


def findings(containers: Iterable[Facts], rules: Iterable[str] = RULES) -> set[Finding]:
    """Return everything that `rules` object to, waived or not."""
    return {Finding(facts.service, rule, what) for facts in containers for rule in rules for what in RULES[rule](facts)}
