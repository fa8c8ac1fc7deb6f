"""From the typed settings: their page in the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django_ops.conf import Secret, Setting, conf
from docs.generate import NOTICE

_INTRODUCTION = """# Settings

All are optional. They are read at use, so `override_settings` works, unless "read at start" is said. An unknown
name that begins with `OPS_`, and a value of the wrong type, are errors of `manage.py check`.

| setting | what it takes | default | meaning |
|---|---|---|---|
"""


def settings_markdown() -> str:
    """Return the docs page."""
    return NOTICE + _INTRODUCTION + "".join(_rows(setting) for setting in conf)


def _rows(setting: Setting[Any]) -> str:
    takes = _sentence(setting.kind.__doc__)
    rows = _row(setting.name, takes, _default(setting.default), setting.description)
    if isinstance(setting, Secret):
        rows += _row(
            f"{setting.name}_FILE",
            "A path.",
            "none",
            f"The file that holds {setting.name}, read at each use; only where {setting.name} itself is not set.",
        )
    return rows


def _row(*cells: str) -> str:
    name, takes, default, meaning = (cell.replace("|", "&#124;") for cell in cells)
    return f'| <a id="{name.lower()}"></a>`{name}` | {takes} | {default} | {meaning} |\n'


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _default(value: object) -> str:
    if value == "":
        return "none"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{str(value) if isinstance(value, Path) else repr(value)}`".replace("'", '"')


ARTEFACTS = {"docs/reference/settings.md": settings_markdown}
