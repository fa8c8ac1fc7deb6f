"""One check per mistake that people make when they deploy."""

from django_ops.checks.table import TABLE, register


def register_all() -> None:
    """Register every check with Django."""
    register(TABLE.values())
