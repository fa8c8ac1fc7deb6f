"""One check per mistake that people make when they deploy."""

from __future__ import annotations

from importlib import import_module

from django_ops.checks.table import TABLE, Mistake, register

_MODULES = (
    "settings",
    "middleware",
    "logs",
    "metrics",
    "owners",
    "proxies",
    "readiness",
    "passwords",
    "attempts",
    "gate",
    "gate_deployment",
)


def mistakes() -> list[Mistake]:
    """Return every mistake that is looked for, in the order of the modules."""
    for name in _MODULES:
        import_module(f"{__name__}.{name}")
    return list(TABLE.values())


def register_all() -> None:
    """Register every check with Django."""
    register(mistakes())
