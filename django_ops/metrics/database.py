"""Counts and times database statements by an execute wrapper, so that the ENGINE stays what it is."""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from django_ops.metrics import catalog
from django_ops.metrics import store as stores
from django_ops.metrics.store import Store
from django_ops.patches import patch
from django_ops.record.context import current

Executor = Callable[[str, Any, bool, dict[str, Any]], Any]


class _Cell(NamedTuple):
    """Where the numbers of one database lie; `counted_elsewhere` when django-prometheus's engine has them."""

    execute: int
    duration: int
    bounds: tuple[float, ...]
    counted_elsewhere: bool


def install() -> None:
    """Count the statements of every connection there is and will be."""
    connection_created.connect(_on_connection_created, dispatch_uid="django_ops.metrics.database")
    for connection in connections.all(initialized_only=True):
        _wrap(connection)
    patch(BaseDatabaseWrapper, "connect", _counting_errors)


def _on_connection_created(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    _wrap(connection)
    if not _counts_itself(connection):
        catalog.DB_CONNECTIONS.inc(connection.alias, connection.vendor)


def _wrap(connection: BaseDatabaseWrapper) -> None:
    if count_statement not in connection.execute_wrappers:
        # at the front, and so the outermost: `connection.execute_wrapper()` appends, and takes the last one off again
        connection.execute_wrappers.insert(0, count_statement)


@contextmanager
def uncounted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Count no statement of this connection within the block. Raises what connecting raises."""
    connection.ensure_connection()
    before = list(connection.execute_wrappers)
    connection.execute_wrappers[:] = [wrapper for wrapper in before if wrapper is not count_statement]
    try:
        yield
    finally:
        connection.execute_wrappers[:] = before


def _counting_errors(connect: Callable[[BaseDatabaseWrapper], None]) -> Callable[[BaseDatabaseWrapper], None]:
    """Wrap `connect`: Django sends a signal for a connection that opened, but none for one that did not."""

    @functools.wraps(connect)
    def counting_connect(self: BaseDatabaseWrapper) -> None:
        try:
            connect(self)
        except Exception:
            if not _counts_itself(self):
                catalog.DB_CONNECTIONS.inc(self.alias, self.vendor)
                catalog.DB_CONNECTION_ERRORS.inc(self.alias, self.vendor)
            raise

    return counting_connect


def _counts_itself(connection: BaseDatabaseWrapper) -> bool:
    return any(base.__module__.startswith("django_prometheus.") for base in type(connection).__mro__)


def count_statement(execute: Executor, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Time one statement, for its database and for the request or task that runs it."""
    started_ns = perf_counter_ns()
    error: Exception | None = None
    try:
        return execute(sql, params, many, context)
    except Exception as raised:
        error = raised
        raise
    finally:
        _observe(context["connection"], params, many, perf_counter_ns() - started_ns, error)
        del error  # the frame must not keep the traceback alive


def _observe(
    connection: BaseDatabaseWrapper, params: Any, many: bool, duration_ns: int, error: Exception | None
) -> None:
    store = stores.active()
    cell: _Cell = store.cache("databases").get(connection.alias) or _database_cell(store, connection)
    running = current.get()
    seconds = duration_ns * 1e-9
    statements = len(params) if many and hasattr(params, "__len__") else 1
    with store.lock:
        if running is not None:
            running.db_count += 1
            running.db_duration_ns += duration_ns
        if cell.counted_elsewhere:
            return
        buffer = store.buffer
        buffer[cell.execute] += statements
        buffer[cell.duration + bisect_left(cell.bounds, seconds)] += 1.0
        buffer[cell.duration + len(cell.bounds) + 1] += seconds
    if many:
        catalog.DB_EXECUTE_MANY.inc(connection.alias, connection.vendor, amount=statements)
    if error is not None:
        # what the driver raised, as django-prometheus counts it: UndefinedTable says more than ProgrammingError
        catalog.DB_ERRORS.inc(connection.alias, connection.vendor, type(error.__cause__ or error).__name__)


def _database_cell(store: Store, connection: BaseDatabaseWrapper) -> _Cell:
    alias, vendor = connection.alias, connection.vendor
    counted_elsewhere = _counts_itself(connection)
    if counted_elsewhere:
        cell = _Cell(0, 0, (), True)
    else:
        cell = _Cell(
            catalog.DB_EXECUTE.offset(store, alias, vendor),
            catalog.DB_DURATION.offset(store, alias, vendor),
            catalog.DB_DURATION.bounds,
            False,
        )
    # not while a full disk has no room for it: the place that it is given then is read by nobody
    if counted_elsewhere or catalog.DB_DURATION.is_known(store, alias, vendor):
        store.cache("databases")[alias] = cell
    return cell
