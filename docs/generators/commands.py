"""From the commands' own parsers: their page in the reference."""

from __future__ import annotations

import argparse
import pkgutil
from collections.abc import Iterator
from importlib import import_module

from django.core.management.base import BaseCommand

from django_ops.management import commands
from docs.generate import NOTICE

_INTRODUCTION = """# Commands

Run them as `python manage.py <command>`, as the user who runs the site
([why](../how-to/existing-project.md#as-whom-to-run-managepy)). Each exits with 0 when it has done what was asked, and
with 1 and a sentence on standard error when it could not; a wrong option gives 2, and Ctrl-C, which takes a drain back,
gives 130. Log lines go to standard error or to files, never into what a command prints. They also take Django's own
options, such as `--settings` and `--no-color`.
"""

#: Where each is used.
_PAGES = {"ops_drain": "drain.md", "ops_gate_nginx": "internal-uis.md"}


def names() -> list[str]:
    """Return the commands of the package."""
    return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))


def commands_markdown() -> str:
    """Return the docs page."""
    return NOTICE + _INTRODUCTION + "".join(_section(name) for name in names())


def _section(name: str) -> str:
    command: BaseCommand = import_module(f"{commands.__name__}.{name}").Command()
    rows = "".join(_rows(command.create_parser("manage.py", name)))
    page = _PAGES[name]
    return (
        f"\n## {name}\n\n{command.help} [How to use it](../how-to/{page}).\n\n| option | meaning |\n|---|---|\n{rows}"
    )


def _rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    djangos = {action.dest for action in BaseCommand().create_parser("manage.py", "none")._actions}
    for action in parser._actions:
        if action.dest in djangos:
            continue
        names = ", ".join(action.option_strings) or _choices(action)
        value = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or action.dest.upper()}"
        meaning = (action.help or "") % {"default": f"`{action.default}`"}
        yield f"| `{names}{value}` | {meaning[0].upper()}{meaning[1:]}. |\n"


def _choices(action: argparse.Action) -> str:
    return "` or `".join(action.choices or (action.dest,))


ARTEFACTS = {"docs/reference/commands.md": commands_markdown}
