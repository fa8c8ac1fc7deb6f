"""One thing wrong at a time: for each rule, changes to compose.yml that this rule, and no other, must reject."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.contract.containers.finding import Project

Raw = dict[str, Any]
Change = Callable[[Raw], None]

#: A service without volumes, secrets or published ports: what is done to it concerns nothing else.
VICTIM = "memcached"


def _set(**keys: Any) -> Change:
    def change(raw: Raw) -> None:
        raw["services"][VICTIM].update(copy.deepcopy(keys))

    return change


def _extend(key: str, *items: Any, service: str = VICTIM) -> Change:
    def change(raw: Raw) -> None:
        raw["services"][service][key] = [*(raw["services"][service].get(key) or []), *items]

    return change


def _remove(key: str, service: str = VICTIM) -> Change:
    def change(raw: Raw) -> None:
        del raw["services"][service][key]

    return change


def _environment(service: str, **variables: str) -> Change:
    def change(raw: Raw) -> None:
        environment = raw["services"][service].setdefault("environment", {})
        if isinstance(environment, list):
            environment += [f"{name}={value}" for name, value in variables.items()]
        else:
            environment.update(variables)

    return change


def _without_limit(name: str) -> Change:
    def change(raw: Raw) -> None:
        del raw["services"][VICTIM]["deploy"]["resources"]["limits"][name]

    return change


def _tmpfs_without_size(raw: Raw) -> None:
    raw["services"][VICTIM].setdefault("volumes", []).append({"type": "tmpfs", "target": "/scratch"})


def _shared_secret(raw: Raw) -> None:
    _extend("volumes", "secrets-postgres:/run/secrets/postgres:ro")(raw)


def _inline_secret(raw: Raw) -> None:
    raw["secrets"] = {"canary": {"environment": "CANARY"}}
    raw["services"][VICTIM]["secrets"] = ["canary"]  # Docker leaves out what no service uses


def _shared_data(raw: Raw) -> None:
    service = raw["services"]["postgres"]
    data = next(mount for mount in service["volumes"] if _is_data(mount))
    source = data["source"] if isinstance(data, dict) else data.partition(":")[0]
    _extend("volumes", f"{source}:/data")(raw)


def _is_data(mount: Any) -> bool:
    if isinstance(mount, dict):
        return mount["type"] == "volume" and not mount.get("read_only")
    return not mount.startswith((".", "/")) and not mount.endswith(":ro")


def _uncovered(raw: Raw) -> None:
    service = raw["services"]["node-exporter"]
    service["volumes"] = [mount for mount in service["volumes"] if mount["target"] != "/host/proc"]


def _network(name: str, **options: Any) -> Change:
    def change(raw: Raw) -> None:
        raw["networks"][name] = options

    return change


def _join(network: str) -> Change:
    def change(raw: Raw) -> None:
        networks = raw["services"][VICTIM]["networks"]
        if isinstance(networks, dict):
            networks[network] = None
        else:
            raw["services"][VICTIM]["networks"] = [*networks, network]

    return change


def _publish_everywhere(raw: Raw) -> None:
    raw["services"]["nginx"]["ports"] = ["8080:8080"]


def _heap(options: str) -> Change:
    return _environment("elasticsearch", ES_JAVA_OPTS=options)


def _top(key: str, value: Any) -> Change:
    def change(raw: Raw) -> None:
        raw[key] = value

    return change


#: Rule -> what was done -> the change.
MUTATIONS: dict[str, dict[str, Change]] = {
    "H1": {
        "root": _set(user="0:0"),
        "name": _set(user="memcache"),
        "none": _remove("user"),
        "shared": _set(user="999:11211"),
    },
    "H2": {"keep": _set(cap_drop=["NET_RAW"]), "add": _set(cap_add=["SYS_ADMIN"])},
    "H3": {"allowed": _set(security_opt=[])},
    "H4": {"seccomp": _extend("security_opt", "seccomp:unconfined")},
    "H5": {"privileged": _set(privileged=True), "device": _set(devices=["/dev/kmsg:/dev/kmsg"])},
    "H6": {"writable": _set(read_only=False)},
    "H7": {
        "tmpfs": _tmpfs_without_size,
        "bind": _extend("volumes", "./prometheus:/scratch"),
        "anonymous": _extend("volumes", "/scratch"),
        "shared": _shared_data,
        "memory": _extend("volumes", {"type": "tmpfs", "target": "/scratch", "tmpfs": {"size": 134217728}}),
    },
    "H8": {"cpus": _without_limit("cpus"), "memory": _without_limit("memory"), "pids": _without_limit("pids")},
    "H9": {"none": _remove("healthcheck"), "off": _set(healthcheck={"disable": True})},
    "H10": {"store": _set(ports=["127.0.0.1:11211:11211"]), "everywhere": _publish_everywhere},
    "H11": {
        "edge": _join("web"),
        "egress": _join("egress"),
        "open": _network("data"),
        "default": _remove("networks"),
    },
    "H12": {"pid": _set(pid="host"), "ipc": _set(ipc="host"), "container": _set(pid="service:web")},
    "H13": {"socket": _extend("volumes", "/var/run/docker.sock:/var/run/docker.sock:ro")},
    "H14": {
        "etc": _extend("volumes", "/etc:/host/etc:ro"),
        "root": _extend("volumes", {"type": "bind", "source": "/", "target": "/host", "read_only": True}),
        "shared": _extend("volumes", "./prometheus:/shared:ro,rshared"),
        "uncovered": _uncovered,
    },
    "H15": {
        "variable": _environment(VICTIM, API_TOKEN="b7c1"),
        "url": _environment(VICTIM, PEER="redis://app:b7c1@redis:6379/0"),
        "argument": _set(command=["memcached", "--password=b7c1"]),
        "shared": _shared_secret,
        "inline": _inline_secret,
    },
    "H16": {"latest": _set(image="memcached:latest"), "none": _set(image="memcached"), "major": _set(image="x:1")},
    "H19": {"driver": _set(logging={"driver": "local"}), "bound": _set(logging={"driver": "json-file"})},
    "H20": {"never": _set(restart="no"), "always": _set(restart="always")},
    "H21": {"grace": _remove("stop_grace_period"), "init": _set(init=False)},
    "H22": {
        "trust": _environment("postgres", POSTGRES_HOST_AUTH_METHOD="trust"),
        "anonymous": _environment("grafana", GF_AUTH_ANONYMOUS_ENABLED="true"),
        "security": _environment("elasticsearch", **{"xpack.security.enabled": "false"}),
        "password": _environment("postgres", POSTGRES_PASSWORD_FILE=""),
        "default": _set(labels={"hint": "elastic:changeme"}),
    },
    "H24": {"large": _heap("-Xms2g -Xmx2g"), "moving": _heap("-Xms256m -Xmx512m"), "unset": _heap("")},
    "H26": {
        "tmpfs": _set(tmpfs=["/scratch:size=1m"]),
        "mem_limit": _set(mem_limit="64m"),
        "group_add": _set(group_add=["4"]),
        "include": _top("include", ["other.yml"]),
    },
}

#: The same for what is not in compose.yml.
OTHERS: dict[str, dict[str, Callable[[Project], Project]]] = {
    "H23": {
        "old": lambda project: replace(project, nginx=project.nginx.replace("TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2")),
        "version": lambda project: replace(
            project, nginx=project.nginx.replace("server_tokens off", "server_tokens on")
        ),
        "short": lambda project: replace(project, nginx=project.nginx.replace("max-age=63072000", "max-age=3600")),
    },
    "H25": {
        "privileges": lambda project: replace(project, daemon={**project.daemon, "no-new-privileges": False}),
        "live": lambda project: replace(project, daemon={**project.daemon, "live-restore": True}),
        "logs": lambda project: replace(project, daemon={**project.daemon, "log-opts": {}}),
    },
}


def mutated(raw: Raw, change: Change) -> Raw:
    """Return a copy of `raw` with one thing wrong."""
    result = copy.deepcopy(raw)
    change(result)
    return result
