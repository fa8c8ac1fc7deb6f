import contextlib
import time

import pytest
from django.db import ConnectionHandler, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DatabaseError

from django_ops.metrics import catalog, database
from django_ops.record.context import Context, current
from django_ops.record.identity import new_identity
from tests.unit.metrics.observed import labels_of, value

SQLITE = "django.db.backends.sqlite3"
THEIRS = "django_prometheus.db.backends.sqlite3"


@pytest.fixture
def connect(django_db_blocker):
    """Open connections, by alias, engine and name."""
    opened = []

    def connect(alias="shop", engine=SQLITE, name=":memory:") -> BaseDatabaseWrapper:
        database.install()
        handler = ConnectionHandler({"default": {}, alias: {"ENGINE": engine, "NAME": name}})
        opened.append(handler[alias])
        return opened[-1]

    with django_db_blocker.unblock():
        yield connect
        for connection in opened:
            connection.close()


@pytest.fixture
def connection(connect):
    """A connection to a database with an empty table."""
    connection = connect()
    run(connection, "CREATE TABLE item (number integer)")
    return connection


def run(connection, sql, parameters=None, many=False):
    with connection.cursor() as cursor:
        (cursor.executemany if many else cursor.execute)(sql, parameters)


def counted(name: str, alias="shop", **labels: str) -> float:
    return value(name, alias=alias, vendor="sqlite", **labels) or 0.0


def test_engine__stays_what_it_is(connection):
    run(connection, "SELECT 1")
    assert type(connection).__module__ == "django.db.backends.sqlite3.base"


def test_execute__counts_one_statement(connection):
    before = counted("django_db_execute_total")
    run(connection, "SELECT 1")
    assert counted("django_db_execute_total") == before + 1.0


def test_execute__is_timed_once(connection):
    before = counted("django_db_query_duration_seconds_count")
    run(connection, "SELECT 1")
    assert counted("django_db_query_duration_seconds_count") == before + 1.0


def test_duration__is_in_seconds(connection):
    connection.ensure_connection()
    connection.connection.create_function("sleep", 1, time.sleep)
    before = counted("django_db_query_duration_seconds_sum")
    run(connection, "SELECT sleep(0.05)")
    assert 0.05 <= counted("django_db_query_duration_seconds_sum") - before < 5.0


def test_executemany__counts_a_statement_per_row(connection):
    before = counted("django_db_execute_total")
    run(connection, "INSERT INTO item VALUES (%s)", [(1,), (2,), (3,)], many=True)
    assert (counted("django_db_execute_total") - before, counted("django_db_execute_many_total")) == (3.0, 3.0)


def test_executemany__of_a_generator_counts_one(connection):
    before = counted("django_db_execute_total")
    run(connection, "INSERT INTO item VALUES (%s)", ((number,) for number in range(3)), many=True)
    assert counted("django_db_execute_total") == before + 1.0


def test_statement_that_fails__is_counted_by_type(connection):
    with pytest.raises(DatabaseError):
        run(connection, "SELECT nothing")
    assert counted("django_db_errors_total", type="OperationalError") == 1.0


def test_statement_that_fails__is_timed(connection):
    before = counted("django_db_query_duration_seconds_count")
    with pytest.raises(DatabaseError):
        run(connection, "SELECT nothing")
    assert counted("django_db_query_duration_seconds_count") == before + 1.0


def test_new_connection__is_counted(connect):
    run(connect(), "SELECT 1")
    assert counted("django_db_new_connections_total") == 1.0


def test_connection_that_cannot_be_opened__is_counted(connect, tmp_path):
    with pytest.raises(OperationalError):
        run(connect(name=str(tmp_path / "no such directory" / "db")), "SELECT 1")
    assert (counted("django_db_new_connections_total"), counted("django_db_new_connection_errors_total")) == (1.0, 1.0)


def test_install__twice_counts_once(connection):
    database.install()
    database.install()
    before = counted("django_db_execute_total")
    run(connection, "SELECT 1")
    assert counted("django_db_execute_total") == before + 1.0


def test_context__learns_of_statements_and_time(connection):
    context = Context(new_identity())
    token = current.set(context)
    try:
        run(connection, "SELECT 1")
        run(connection, "SELECT 1")
    finally:
        current.reset(token)
    assert context.db_count == 2
    assert context.db_duration_ns > 0


def test_statement_outside_of_requests__is_counted(connection):
    assert current.get() is None
    before = counted("django_db_execute_total")
    run(connection, "SELECT 1")
    assert counted("django_db_execute_total") == before + 1.0


def test_uncounted__counts_no_statement(connection):
    before = counted("django_db_execute_total")
    with database.uncounted(connection):
        run(connection, "SELECT 1")
    assert counted("django_db_execute_total") == before


def test_uncounted__counts_again_afterwards(connection):
    with contextlib.suppress(DatabaseError), database.uncounted(connection):
        run(connection, "SELECT nothing")
    before = counted("django_db_execute_total")
    run(connection, "SELECT 1")
    assert counted("django_db_execute_total") == before + 1.0


def test_wrapper_of_somebody_else__is_the_one_that_is_taken_off(connection):
    with connection.execute_wrapper(lambda execute, *arguments: execute(*arguments)):
        pass
    assert connection.execute_wrappers == [database.count_statement]


def test_reconnecting__wraps_once(connect, tmp_path):
    connection = connect(name=str(tmp_path / "db"))
    for _ in range(5):  # what a pool does (django-prometheus#445)
        run(connection, "SELECT 1")
        connection.close()
    assert connection.execute_wrappers == [database.count_statement]
    assert counted("django_db_execute_total") == 5.0


def test_engine_of_django_prometheus__has_no_series_of_ours(connect):
    connection = connect("theirs", THEIRS)
    run(connection, "SELECT 1")
    run(connection, "CREATE TABLE item (number integer)")
    run(connection, "INSERT INTO item VALUES (%s)", [(1,)], many=True)
    with pytest.raises(DatabaseError):
        run(connection, "SELECT nothing")
    for family in (catalog.DB_EXECUTE, catalog.DB_CONNECTIONS, catalog.DB_ERRORS, catalog.DB_DURATION):
        assert "theirs" not in labels_of(family.name, "alias")


def test_engine_of_django_prometheus__that_fails_to_connect_has_no_series_of_ours(connect, tmp_path):
    with pytest.raises(OperationalError):
        run(connect("theirs", THEIRS, str(tmp_path / "no such directory" / "db")), "SELECT 1")
    assert labels_of(catalog.DB_CONNECTION_ERRORS.name, "alias") == set()


def test_engine_of_django_prometheus__tells_the_context(connect):
    context = Context(new_identity())
    token = current.set(context)
    try:
        run(connect("theirs", THEIRS), "SELECT 1")
    finally:
        current.reset(token)
    assert context.db_count == 1


def test_statement__while_a_full_disk_has_no_room_for_it_is_not_remembered(connection, store, monkeypatch):
    """The place that it is given then is read by nobody; there may be room later."""
    run(connection, "SELECT 1")
    store.caches.clear()
    monkeypatch.setattr(catalog.DB_DURATION, "is_known", lambda *arguments: False)
    run(connection, "SELECT 1")
    assert store.cache("databases") == {}
