"""Data sources and dashboards as files, checked against the schema of exactly what we use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from fake import RefusedError
from fake.configuration import expand


@dataclass(frozen=True)
class DataSource:
    """Where queries go, and as whom."""

    uid: str
    name: str
    kind: str
    url: str
    user: str
    password: str = field(repr=False)
    options: dict[str, Any]
    default: bool


@dataclass(frozen=True)
class Provisioned:
    """What was read."""

    sources: dict[str, DataSource]
    dashboards: dict[str, dict[str, Any]]
    folders: dict[str, str]


def load(directory: Path, schema: dict[str, Any]) -> Provisioned:
    """Read everything below `directory`. Raises RefusedError for the first thing that is wrong."""
    sources: dict[str, DataSource] = {}
    for path, document in _yaml_files(directory / "datasources"):
        _check(schema, "datasources", path, document)
        for entry in document["datasources"]:
            if entry["uid"] in sources:
                raise RefusedError(f"{path}: the uid {entry['uid']!r} is taken")
            sources[entry["uid"]] = _source(entry)
    if sum(source.default for source in sources.values()) != 1:
        raise RefusedError(f"{directory}/datasources: exactly one data source must be the default")
    dashboards: dict[str, dict[str, Any]] = {}
    folders: dict[str, str] = {}
    for path, document in _yaml_files(directory / "dashboards"):
        _check(schema, "providers", path, document)
        for provider in document["providers"]:
            for file, dashboard in _dashboards(Path(provider["options"]["path"]), schema, sources):
                if dashboard["uid"] in dashboards:
                    raise RefusedError(f"{file}: the uid {dashboard['uid']!r} is taken")
                dashboards[dashboard["uid"]] = dashboard
                folders[dashboard["uid"]] = provider["folder"]
    return Provisioned(sources, dashboards, folders)


def _yaml_files(directory: Path) -> Iterator[tuple[Path, Any]]:
    if not directory.is_dir():
        raise RefusedError(f"{directory} is no directory")
    for path in sorted(directory.iterdir()):
        if path.suffix in {".yml", ".yaml"}:
            try:
                yield path, yaml.safe_load(path.read_text(encoding="utf-8"))
            except (OSError, yaml.YAMLError) as error:
                raise RefusedError(f"{path} cannot be read: {error}") from error


def _dashboards(
    directory: Path, schema: dict[str, Any], sources: dict[str, DataSource]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    if not directory.is_dir():
        raise RefusedError(f"{directory}, which a provider names, is no directory")
    for path in sorted(directory.rglob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RefusedError(f"{path} cannot be read: {error}") from error
        _check(schema, "dashboard", path, document)
        for reference in _references(document):
            source = sources.get(reference["uid"])
            if source is None or source.kind != reference["type"]:
                raise RefusedError(f"{path}: there is no data source {reference}")
        yield path, document


def _references(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "datasource":
                yield inner
            else:
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _check(schema: dict[str, Any], part: str, path: Path, document: Any) -> None:
    validator = Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]})
    # a misspelt key first: it says more than the key that is missing for it
    found = sorted(validator.iter_errors(document), key=lambda error: error.validator != "additionalProperties")
    for error in found:
        raise RefusedError(f"{path}: {'/'.join(map(str, error.absolute_path))}: {error.message}")


def _source(entry: dict[str, Any]) -> DataSource:
    password = expand(entry["secureJsonData"]["basicAuthPassword"])
    if not password:
        raise RefusedError(f"the password of the data source {entry['name']} is empty")
    return DataSource(
        uid=entry["uid"],
        name=entry["name"],
        kind=entry["type"],
        url=expand(entry["url"]),
        user=expand(entry["basicAuthUser"]),
        password=password,
        options=entry["jsonData"],
        default=entry["isDefault"],
    )
