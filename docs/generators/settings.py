"""From the typed settings: their page in the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django_ops.conf import Secret, Setting, conf
from docs.generate import NOTICE

_INTRODUCTION = """# Settings

All are optional. What is read at use can be changed by `override_settings` in a test; what is read at start can not. An
unknown name that begins with `OPS_`, and a value of the wrong type, are errors of `manage.py check`: where a value is
missing in the environment, give the default and not `None`.

| setting | what it takes | default | read | meaning |
|---|---|---|---|---|
"""


def settings_markdown() -> str:
    """Return the docs page."""
    return NOTICE + _INTRODUCTION + "".join(_rows(setting) for setting in conf)


def _rows(setting: Setting[Any]) -> str:
    takes = _sentence(setting.kind.__doc__)
    read = "at start" if setting.at_start else "at use"
    rows = _row(setting.name, takes, _default(setting.default), read, setting.description)
    if isinstance(setting, Secret):
        rows += _row(
            f"{setting.name}_FILE",
            "A path; empty or None for no file.",
            _default(""),
            read,
            f"The file that holds {setting.name}; only where {setting.name} itself is not set.",
        )
    return rows


def _row(*cells: str) -> str:
    name, *rest = (cell.replace("|", "&#124;") for cell in cells)
    return f'| <a id="{name.lower()}"></a>`{name}` | {" | ".join(rest)} |\n'


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _default(value: object) -> str:
    if isinstance(value, tuple):
        value = list(value)
    return f"`{str(value) if isinstance(value, Path) else repr(value)}`".replace("'", '"')


ARTEFACTS = {"docs/reference/settings.md": settings_markdown}
