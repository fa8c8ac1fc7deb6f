"""Has the database every migration that this code needs?"""

from __future__ import annotations

from functools import partial
from time import monotonic

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from django_ops.exceptions import ImproperlyConfiguredError, NotReadyError
from django_ops.health.check import Check
from django_ops.metrics.migrations import waiting

#: For how long "everything is applied" is believed; a migration that waits is looked for at each check.
BELIEVED_SECONDS = 60.0

_believed_until: dict[str, float] = {}


def migrations(alias: str = "") -> list[Check]:
    """Make the check of one database, by default the default one: others are often kept by somebody else."""
    name = alias or "default"
    return [Check(f"migrations:{name}", partial(require_applied, name))]


def require_applied(alias: str) -> None:
    """Raise NotReadyError when migrations of installed apps are not recorded as applied."""
    if alias not in connections:
        raise ImproperlyConfiguredError(f"OPS_READYZ_CHECKS names the database {alias!r}, which DATABASES has not.")
    if monotonic() < _believed_until.get(alias, 0.0):
        return
    # of this thread, which closes it when the check has ended
    unapplied = waiting(MigrationExecutor(connections[alias]))
    if unapplied:
        first = unapplied[0]
        raise NotReadyError(
            f"{len(unapplied)} migrations wait to be applied to {alias}, the first is {first.app_label}.{first.name}:"
            " run `manage.py migrate`"
        )
    _believed_until[alias] = monotonic() + BELIEVED_SECONDS
