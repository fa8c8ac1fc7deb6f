"""Reports applied and unapplied migrations, looked up by whichever process is scraped."""

from __future__ import annotations

import logging
import os
import threading
from time import monotonic

from django.db import connections
from django.db.backends.dummy.base import DatabaseWrapper as DummyDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

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


def look_up() -> None:
    """Set the gauges of every database, and close the connections that this thread opened for it."""
    for alias in connections:
        connection = connections[alias]
        if isinstance(connection, DummyDatabaseWrapper):
            continue
        try:
            with uncounted(connection):  # a scrape is not counted itself: not as statements either
                executor = MigrationExecutor(connection)
                plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            catalog.MIGRATIONS_UNAPPLIED.set(len(plan), alias)
            catalog.MIGRATIONS_APPLIED.set(len(executor.loader.applied_migrations), alias)
        except Exception as error:  # a database that is down, or a graph of migrations that is broken
            logger.warning("the migrations of the database %s could not be looked up: %s", alias, error)
        finally:
            connection.close()
