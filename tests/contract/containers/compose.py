"""Reads compose.yml into the shape that `docker compose config --format json` prints, without Docker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
COMPOSE_FILE = ROOT / "compose.yml"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}

Config = dict[str, Any]


def read(path: Path = COMPOSE_FILE) -> Config:
    """Return the file as it is written, anchors and merge keys resolved, variables not."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def read_env(path: Path = ROOT / ".env") -> dict[str, str]:
    """Return the variables of an .env file; none where there is no such file."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs if not name.lstrip().startswith("#")}


def render(raw: Config, variables: Mapping[str, str]) -> Config:
    """Return `raw` with its variables replaced and every short form written out. Raises ValueError for `${X:?}`."""
    config = _interpolate(raw, variables)
    services = {name: _service(service) for name, service in config["services"].items()}
    return {
        "services": services,
        "networks": {name: network or {} for name, network in (config.get("networks") or {}).items()},
        "volumes": {name: volume or {} for name, volume in (config.get("volumes") or {}).items()},
        "secrets": config.get("secrets") or {},
    }


def bytes_of(size: str | float) -> int:
    """Return a size such as 64m, 1.5g or 1024 in bytes. Raises ValueError for what is no size."""
    match = _SIZE.match(str(size).strip())
    if match is None:
        raise ValueError(f"{size!r} is not a size such as 64m")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _interpolate(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolate(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolate(value, variables) for value in node]
    return substitute(node, variables) if isinstance(node, str) else node


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with `$X`, `${X}`, `${X:-default}`, `${X:?error}`, `${X:+other}` replaced, `$$` being a dollar."""
    result, rest = "", text
    while True:
        before, dollar, rest = rest.partition("$")
        result += before
        if not dollar:
            return result
        if rest.startswith("$"):
            result, rest = result + "$", rest[1:]
        elif rest.startswith("{"):
            inner, rest = _braces(rest[1:], text)
            result += _expression(inner, variables)
        elif match := _NAME.match(rest):
            result, rest = result + variables.get(match[0], ""), rest[match.end() :]
        else:
            raise ValueError(f"a lone $ in {text!r}: write $$")


def _braces(rest: str, whole: str) -> tuple[str, str]:
    depth = 1
    for position, character in enumerate(rest):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[:position], rest[position + 1 :]
    raise ValueError(f"a brace is not closed in {whole!r}")


def _expression(inner: str, variables: Mapping[str, str]) -> str:
    match = _NAME.match(inner)
    if match is None:
        raise ValueError(f"${{{inner}}} names no variable")
    value, operator = variables.get(match[0]), inner[match.end() :]
    if operator.startswith(":"):
        value, operator = value or None, operator[1:]
    if not operator:
        return value or ""
    kind, argument = operator[0], substitute(operator[1:], variables)
    if kind == "-":
        return argument if value is None else value
    if kind == "+":
        return "" if value is None else argument
    if value is None:
        raise ValueError(f"{match[0]} is not set: {argument}")
    return value


def _service(service: Config) -> Config:
    network_mode = service.get("network_mode")
    networks = _mapping(service.get("networks"), None) or ({} if network_mode else {"default": None})
    return {
        **service,
        "environment": _environment(service.get("environment")),
        "networks": networks,
        "depends_on": _mapping(service.get("depends_on"), {"condition": "service_started"}),
        "ports": [_port(port) for port in service.get("ports") or []],
        "volumes": [_volume(volume) for volume in service.get("volumes") or []],
        "tmpfs": _listing(service.get("tmpfs")),
    }


def _listing(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _mapping(value: Any, each: Any) -> Config:
    return dict.fromkeys(value, each) if isinstance(value, list) else dict(value or {})


def _environment(value: Any) -> Config:
    if isinstance(value, list):
        pairs = (str(item).partition("=") for item in value)
        return {name: text if equals else None for name, equals, text in pairs}
    return {name: None if text is None else str(text) for name, text in (value or {}).items()}


def _port(port: Any) -> Config:
    if isinstance(port, dict):
        return port
    rest, _, protocol = str(port).partition("/")
    *published, target = rest.rsplit(":", 2)
    host = published[0] if len(published) == 2 else None
    return {
        "target": int(target),
        "published": published[-1] if published else "",
        "protocol": protocol or "tcp",
        **({"host_ip": host} if host else {}),
    }


def _volume(volume: Any) -> Config:
    if isinstance(volume, dict):
        return volume
    source, _, rest = volume.partition(":")
    if not rest:
        return {"type": "volume", "target": source}
    target, _, options = rest.partition(":")
    kind = "bind" if source.startswith((".", "/", "~")) else "volume"
    result: Config = {"type": kind, "source": source, "target": target}
    flags = options.split(",")
    if "ro" in flags:
        result["read_only"] = True
    if propagation := [flag for flag in flags if flag in {"shared", "rshared", "slave", "rslave"}]:
        result["bind"] = {"propagation": propagation[0]}
    return result
