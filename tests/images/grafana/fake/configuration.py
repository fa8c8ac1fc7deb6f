"""Settings as Grafana gets them: grafana.ini, overridden by GF_<SECTION>_<KEY>, any of them from a file."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

from fake import RefusedError

_EXPRESSION = re.compile(r"\$__(\w+)\{([^}]+)\}")
_PATHS = frozenset({"GF_PATHS_CONFIG", "GF_PATHS_DATA", "GF_PATHS_PROVISIONING"})


class Settings:
    """All settings by section and key; what is not set is the empty text."""

    def __init__(self, sections: dict[str, dict[str, str]]) -> None:
        self._sections = sections

    def text(self, section: str, key: str) -> str:
        return self._sections.get(section, {}).get(key, "")

    def flag(self, section: str, key: str) -> bool:
        return self.text(section, key).lower() in {"true", "1", "yes", "on"}


def read_settings(path: Path, known: Mapping[str, list[str]], environment: Mapping[str, str]) -> Settings:
    """Read grafana.ini and the environment. Raises RefusedError for an unknown key and for an unreadable file."""
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes=(";", "#"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (OSError, configparser.Error) as error:
        raise RefusedError(f"{path} cannot be read: {error}") from error
    sections = {name: dict(parser.items(name)) for name in parser.sections()}
    for section, keys in sections.items():
        for key in keys:
            if key not in known.get(section, []):
                raise RefusedError(f"{path}: [{section}] {key} is not in schema.json")
    for section, key, value in _of_environment(known, environment):
        sections.setdefault(section, {})[key] = value
    return Settings({name: {key: expand(value) for key, value in keys.items()} for name, keys in sections.items()})


def _of_environment(known: Mapping[str, list[str]], environment: Mapping[str, str]) -> list[tuple[str, str, str]]:
    places = {
        f"GF_{section}_{key}".upper().replace(".", "_").replace("-", "_"): (section, key)
        for section, keys in known.items()
        for key in keys
    }
    found = []
    for variable, value in environment.items():
        if not variable.startswith("GF_") or variable in _PATHS or not value:
            continue
        name = variable.removesuffix("__FILE")
        if name not in places:
            raise RefusedError(f"{variable} is no setting in schema.json")
        if name != variable:
            if environment.get(name):
                raise RefusedError(f"both {name} and {variable} are set, but are exclusive")
            value = _content(value, variable)
        found.append((*places[name], value))
    return found


def expand(value: str) -> str:
    """Replace $__file{path} and $__env{name}, and only these. Raises RefusedError for what cannot be read."""

    def replaced(match: re.Match[str]) -> str:
        kind, argument = match.groups()
        if kind == "file":
            return _content(argument, match.group(0))
        if kind == "env":
            return os.environ.get(argument, "")
        raise RefusedError(f"{match.group(0)}: only $__file and $__env are known")

    return _EXPRESSION.sub(replaced, value)


def _content(path: str, who: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise RefusedError(f"{who}: {path} cannot be read ({error.strerror})") from error
