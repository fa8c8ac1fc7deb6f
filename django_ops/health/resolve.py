"""From the entries of OPS_READYZ_CHECKS to checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from django.utils.module_loading import import_string

from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.health.check import Check
from django_ops.health.checks import BUILT_IN

#: What stands in front of an entry that must not make the answer 503.
OPTIONAL = "optional:"


def resolve(entries: Iterable[Any]) -> list[Check]:
    """Return the checks that the entries stand for, each under a name of its own.

    An entry is "database", "cache", "migrations" or "broker", with an alias ("database:replica") or without;
    a dotted path; a callable; or a Check. A string may begin with "optional:".
    Raises ImproperlyConfiguredError for an entry that stands for nothing.
    """
    checks: dict[str, Check] = {}
    for entry in entries:
        for check in _resolve_entry(entry):
            name, number = check.name, 1
            while name in checks:
                number += 1
                name = f"{check.name} {number}"
            checks[name] = replace(check, name=name)
    return list(checks.values())


def _resolve_entry(entry: Any) -> list[Check]:
    if not isinstance(entry, str):
        return [_from_callable(entry)]
    path = entry.removeprefix(OPTIONAL)
    critical = path == entry
    kind, _, alias = path.partition(":")
    if kind in BUILT_IN:
        found = BUILT_IN[kind](alias)
    elif "." in path:
        found = [_from_callable(_imported(path))]
    else:
        raise ImproperlyConfiguredError(
            f"OPS_READYZ_CHECKS has {entry!r}, which is neither one of {', '.join(BUILT_IN)} nor a dotted path."
        )
    return found if critical else [replace(check, critical=False) for check in found]


def _imported(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError as error:
        raise ImproperlyConfiguredError(f"OPS_READYZ_CHECKS has {path!r}, which cannot be imported: {error}") from error


def _from_callable(found: Any) -> Check:
    if isinstance(found, Check):
        return found
    if not callable(found):
        raise ImproperlyConfiguredError(f"OPS_READYZ_CHECKS has {found!r}, which cannot be called.")
    return Check(_name(found), found)


def _name(function: Callable[[], object]) -> str:
    qualified = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{qualified}"
