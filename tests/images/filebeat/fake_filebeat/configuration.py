"""Reads the configuration files, one over the other, and refuses every key and value that schema.json does not have."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ConfigurationError(Exception):
    """What is wrong with the configuration, and where."""


@dataclass(frozen=True)
class Input:
    """A filestream input."""

    id: str
    paths: tuple[str, ...]
    fingerprint_offset: int
    fingerprint_length: int
    clean_removed: bool
    longest_line_bytes: int
    processors: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Configuration:
    """What the configuration files say, with the vendor's defaults where they say nothing."""

    inputs: tuple[Input, ...]
    processors: tuple[dict[str, Any], ...]
    hosts: tuple[str, ...]
    username: str
    password: str
    index: str
    refused_index: str | None
    lines_per_request: int
    backoff_seconds: float
    longest_backoff_seconds: float
    poll_seconds: float


def nested(value: Any) -> Any:
    """Return the value with each dotted key as nested ones: `a.b: 1` as `a: {b: 1}`."""
    if isinstance(value, list):
        return [nested(each) for each in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, inner in value.items():
        first, _, rest = str(key).partition(".")
        result = merged(result, {first: nested({rest: inner} if rest else inner)})
    return result


def merged(under: Any, over: Any) -> Any:
    """Return two configurations as one; where both say something, the second is right."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{key: merged(under[key], value) if key in under else value for key, value in over.items()}}
    return over


def with_environment(value: Any, environment: Mapping[str, str]) -> Any:
    """Return the value with `${NAME}` and `${NAME:default}` replaced; raises ConfigurationError for a missing one."""
    if isinstance(value, list):
        return [with_environment(each, environment) for each in value]
    if isinstance(value, dict):
        return {key: with_environment(inner, environment) for key, inner in value.items()}
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = environment.get(match[1]) or match[2]
        if found is None:
            raise ConfigurationError(f"the variable {match[1]} is not set")
        return found

    return _VARIABLE.sub(replace, value)


def read(paths: Iterable[Path], schema: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the files as one nested configuration; raises ConfigurationError for what the schema does not have."""
    told: Any = {}
    for path in paths:
        try:
            told = merged(told, nested(yaml.safe_load(path.read_text(encoding="utf-8"))))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{path}: {error}") from error
    told = with_environment(told, environment)
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    errors = [f"{'.'.join(map(str, error.path)) or '(top)'}: {error.message}" for error in validator.iter_errors(told)]
    if errors:
        raise ConfigurationError("\n".join(errors))
    return told


def configuration(told: dict[str, Any]) -> Configuration:
    """Return what a configuration that `read` has passed says; raises ConfigurationError where parts contradict."""
    output = told["output"]["elasticsearch"]
    if "password" not in output:
        raise ConfigurationError("output.elasticsearch.password is missing: it is in the second file, -c output.yml")
    inputs = tuple(_input(each) for each in told["filebeat"]["inputs"])
    if len({each.id for each in inputs}) < len(inputs):
        raise ConfigurationError("two inputs have the same id")
    scanners = [each["prospector"]["scanner"] for each in told["filebeat"]["inputs"]]
    backoff = output.get("backoff", {})
    return Configuration(
        inputs=inputs,
        processors=tuple(told["processors"]),
        hosts=tuple(output["hosts"]),
        username=output["username"],
        password=output["password"],
        index=output["index"],
        refused_index=output.get("non_indexable_policy", {}).get("dead_letter_index", {}).get("index"),
        lines_per_request=output.get("bulk_max_size", 1600),
        backoff_seconds=_seconds(backoff.get("init", "1s")),
        longest_backoff_seconds=_seconds(backoff.get("max", "60s")),
        poll_seconds=min(1.0, *(_seconds(each.get("check_interval", "10s")) for each in scanners)),
    )


def _input(told: dict[str, Any]) -> Input:
    scanner = told["prospector"]["scanner"]
    interval = _seconds(scanner.get("check_interval", "10s"))
    backoff = told.get("backoff", {})
    first, longest = _seconds(backoff.get("init", "2s")), _seconds(backoff.get("max", "10s"))
    if not first <= longest <= interval:
        raise ConfigurationError(f"input {told['id']}: backoff.init <= backoff.max <= check_interval must hold")
    if not told.get("close", {}).get("on_state_change", {}).get("removed", True) and told.get("clean_removed", True):
        raise ConfigurationError(f"input {told['id']}: without close.on_state_change.removed, no clean_removed")
    return Input(
        id=told["id"],
        paths=tuple(told["paths"]),
        fingerprint_offset=scanner["fingerprint"].get("offset", 0),
        fingerprint_length=scanner["fingerprint"].get("length", 1024),
        clean_removed=told.get("clean_removed", True),
        longest_line_bytes=told.get("message_max_bytes", 10_485_760),
        processors=tuple(told["processors"]),
    )


def _seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", duration).groups()  # type: ignore[union-attr]
    return int(number) * _SECONDS[unit]
