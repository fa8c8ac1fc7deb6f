"""Reports applied and unapplied migrations, looked up by whichever process is scraped."""

from __future__ import annotations

import logging
import os
import threading
from time import monotonic

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.backends.dummy.base import DatabaseWrapper as DummyDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from django_ops.conf import conf
from django_ops.metrics import catalog
from django_ops.metrics.database import uncounted

logger = logging.getLogger(__name__)

#: A value is looked up again after this time, so that a migration that has run is seen without a restart.
REFRESH_SECONDS = 60.0

#: A scrape waits no longer for a database that does not answer; the value comes with a later one.
PATIENCE_SECONDS = 1.0

_running: tuple[int, threading.Thread] | None = None
_looked_up_at = float("-inf")
_told: set[str] = set()  # databases whose gauges were set: they may not keep an old number


def refresh() -> None:
    """Look the numbers up, unless that was done within the last minute or is being done. Raises nothing.

    In a thread, which has connections of its own: the one of the request that scrapes is not touched.
    """
    global _looked_up_at, _running
    if not conf.OPS_METRICS_MIGRATIONS or monotonic() - _looked_up_at < REFRESH_SECONDS:
        return
    if _running is not None and _running[0] == os.getpid() and _running[1].is_alive():
        return
    _looked_up_at = monotonic()
    thread = threading.Thread(target=look_up, name="django-ops-migrations", daemon=True)
    _running = (os.getpid(), thread)
    thread.start()
    thread.join(PATIENCE_SECONDS)


def waiting(executor: MigrationExecutor) -> list[Migration] | None:
    """Return the migrations that wait to be applied to a database, of those apps that a router lets into it.

    None where the database is somebody else's: a second one that nobody ever migrated is, unless a router or
    OPS_READYZ_CHECKS says that it is ours.
    """
    alias = executor.connection.alias
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    allowed = {label: _is_let_in(alias, label) for label in {migration.app_label for migration, _ in plan}}
    unapplied = [migration for migration, _ in plan if allowed[migration.app_label]]
    if alias == DEFAULT_DB_ALIAS or executor.loader.applied_migrations or _is_named(alias):
        return unapplied
    return unapplied if settings.DATABASE_ROUTERS and unapplied else None


def _is_named(alias: str) -> bool:
    entries = (f"migrations:{alias}", f"optional:migrations:{alias}")
    return any(isinstance(entry, str) and entry in entries for entry in conf.OPS_READYZ_CHECKS)


def _is_let_in(alias: str, label: str) -> bool:
    models = list(apps.get_app_config(label).get_models(include_auto_created=True))
    if not models:
        return bool(router.allow_migrate(alias, label))
    return any(router.allow_migrate_model(alias, model) for model in models)


def look_up() -> None:
    """Set the gauges of every database, and close the connections that this thread opened for it."""
    for alias in connections:
        connection = connections[alias]
        if isinstance(connection, DummyDatabaseWrapper):
            continue
        try:
            with uncounted(connection):  # a scrape is not counted itself: not as statements either
                executor = MigrationExecutor(connection)
                applied, unapplied = executor.loader.applied_migrations, waiting(executor)
            if unapplied is not None:
                _set(alias, len(applied), len(unapplied))
            elif alias in _told:
                _set(alias, 0, 0)
        except Exception as error:  # a database that is down, or a graph of migrations that is broken
            logger.warning("the migrations of the database %s could not be looked up: %s", alias, error)
        finally:
            connection.close()


def _set(alias: str, applied: int, unapplied: int) -> None:
    _told.add(alias)
    catalog.MIGRATIONS_UNAPPLIED.set(unapplied, alias)
    catalog.MIGRATIONS_APPLIED.set(applied, alias)
