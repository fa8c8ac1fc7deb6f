"""The readiness checks that come with the package; each takes an alias, "" for the usual ones."""

from collections.abc import Callable

from django_ops.health.check import Check
from django_ops.health.checks.broker import broker
from django_ops.health.checks.cache import cache
from django_ops.health.checks.database import database
from django_ops.health.checks.migrations import migrations

#: What OPS_READYZ_CHECKS calls them.
BUILT_IN: dict[str, Callable[[str], list[Check]]] = {
    "database": database,
    "cache": cache,
    "migrations": migrations,
    "broker": broker,
}
