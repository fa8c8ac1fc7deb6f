"""Is the database there? By a connection of its own, with short timeouts, closed after use."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.dummy.base import DatabaseWrapper as DummyDatabaseWrapper

from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.health.check import Check


def database(alias: str = "") -> list[Check]:
    """Make the check of one database, or of every configured one."""
    aliases = [alias] if alias else [name for name in connections if not _is_dummy(name)]
    return [Check(f"database:{name}", partial(ping, name)) for name in aliases]


def _is_dummy(alias: str) -> bool:
    return isinstance(connections[alias], DummyDatabaseWrapper)


def ping(alias: str) -> None:
    """Open a connection, select 1, and close it.

    The connection is the driver's own: it never was one of Django's, so it can neither leak nor poison one, and
    it passes by pools, signals, execute wrappers and the metrics that count queries.
    Raises what the driver raises, and ImproperlyConfiguredError for an unknown alias.
    """
    if alias not in connections:
        raise ImproperlyConfiguredError(f"OPS_READYZ_CHECKS names the database {alias!r}, which DATABASES has not.")
    wrapper = connections[alias].copy()
    _shorten_timeouts(wrapper, conf.OPS_READYZ_TIMEOUT_SECONDS)
    if wrapper.vendor == "sqlite":
        _require_file(wrapper)
    connection: Any = wrapper.get_new_connection(wrapper.get_connection_params())
    try:
        cursor = connection.cursor()
        try:
            cursor.execute(_question(wrapper))
            cursor.fetchall()
        finally:
            cursor.close()
    finally:
        connection.close()


def _question(wrapper: BaseDatabaseWrapper) -> str:
    if wrapper.vendor == "sqlite":
        return "SELECT 1 FROM sqlite_master LIMIT 1"  # a bare SELECT 1 would not read the file
    return f"SELECT 1{wrapper.features.bare_select_suffix}"


def _shorten_timeouts(wrapper: BaseDatabaseWrapper, timeout_seconds: float) -> None:
    """Let the driver give up by itself, so that a run which missed its deadline ends and the next can begin."""
    options: dict[str, Any] = wrapper.settings_dict["OPTIONS"]
    options.pop("pool", None)
    seconds = max(1, math.ceil(timeout_seconds))
    if wrapper.vendor == "postgresql":
        # No statement_timeout in `options`: pgbouncer refuses the parameter.
        # Source: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
        options["connect_timeout"] = seconds
        options["tcp_user_timeout"] = seconds * 1000
    elif wrapper.vendor == "mysql":
        options["connect_timeout"] = seconds
        options["read_timeout"] = seconds
        options["write_timeout"] = seconds
    elif wrapper.vendor == "sqlite":
        options["timeout"] = timeout_seconds


def _require_file(wrapper: BaseDatabaseWrapper) -> None:
    """Raise FileNotFoundError for a missing file, which connecting would create as an empty database."""
    name = str(wrapper.settings_dict["NAME"])
    if ":memory:" not in name and "mode=memory" not in name and not name.startswith("file:"):
        Path(name).stat()
