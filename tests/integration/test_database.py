"""The database series, against a real PostgreSQL through Django's own backend and that of django-prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import ConnectionHandler, Error, OperationalError, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ProgrammingError
from pytest_django import DjangoDbBlocker

from django_ops.metrics import database
from django_ops.metrics.exposition import merged_vectors
from django_ops.record.context import Context, current
from django_ops.record.identity import new_identity
from tests.integration import services
from tests.integration.series import Growth
from tests.integration.services import PostgreSQL

OURS = "django.db.backends.postgresql"
THEIRS = "django_prometheus.db.backends.postgresql"


@contextmanager
def connected(
    server: PostgreSQL, alias: str, engine: str = OURS, options: dict[str, Any] | None = None
) -> Iterator[BaseDatabaseWrapper]:
    """A connection under `alias`, as Django makes it for an entry of DATABASES."""
    handler = ConnectionHandler(
        {
            "default": {},
            alias: {
                "ENGINE": engine,
                "HOST": server.host,
                "PORT": server.port,
                "USER": server.user,
                "NAME": server.database,
                "OPTIONS": {"connect_timeout": 5, **(options or {})},
            },
        }
    )
    database.install()
    connection = handler[alias]
    connection.inc_thread_sharing()
    try:
        yield connection
    finally:
        connection.close()
        if options and "pool" in options:
            connection.close_pool()


@pytest.fixture(autouse=True)
def _databases_are_allowed(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def connection(postgresql: PostgreSQL) -> Iterator[BaseDatabaseWrapper]:
    """An open connection to a database with an empty table."""
    with connected(postgresql, "pg") as opened:
        with opened.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS item")
            cursor.execute("CREATE TABLE item (number integer)")
        yield opened


def counted(growth: Growth, name: str, alias: str = "pg", **labels: str) -> float:
    return growth(name, alias=alias, vendor="postgresql", **labels)


def test_execute__counts_one_statement(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert counted(growth, "django_db_execute_total") == 1


def test_execute__is_timed_once(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert counted(growth, "django_db_query_duration_seconds_count") == 1


def test_duration__is_that_of_the_statement(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.2)")
    assert 0.2 <= counted(growth, "django_db_query_duration_seconds_sum") < 10


def test_executemany__counts_a_statement_per_row(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO item VALUES (%s)", [(1,), (2,), (3,)])
    assert counted(growth, "django_db_execute_total") == 3


def test_executemany__counts_its_rows(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO item VALUES (%s)", [(1,), (2,), (3,)])
    assert counted(growth, "django_db_execute_many_total") == 3


def test_executemany__of_a_generator_inserts_each_row(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO item VALUES (%s)", ((number,) for number in range(3)))
        cursor.execute("SELECT count(*) FROM item")
        assert cursor.fetchone() == (3,)


def test_statement_that_fails__is_counted_by_the_driver_s_exception(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM nowhere")
    assert counted(growth, "django_db_errors_total", type="UndefinedTable") == 1


def test_statement_that_fails__is_an_executed_statement(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM nowhere")
    assert counted(growth, "django_db_execute_total") == 1


def test_statement_on_a_connection_that_broke__is_counted_as_an_error(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        growth = Growth()
        with pytest.raises(OperationalError):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert counted(growth, "django_db_errors_total", type="AdminShutdown") == 1


def test_new_connection__is_counted(postgresql: PostgreSQL) -> None:
    growth = Growth()
    with connected(postgresql, "pg") as connection:
        connection.ensure_connection()
    assert counted(growth, "django_db_new_connections_total") == 1


def test_new_connection__that_opens_is_no_error(postgresql: PostgreSQL) -> None:
    growth = Growth()
    with connected(postgresql, "pg") as connection:
        connection.ensure_connection()
    assert counted(growth, "django_db_new_connection_errors_total") == 0


def test_server_that_is_away__counts_the_attempt_and_an_error(postgresql: PostgreSQL) -> None:
    growth = Growth()
    nobody = postgresql._replace(port=services.held_port())
    with connected(nobody, "stopped") as connection, pytest.raises(OperationalError):
        connection.ensure_connection()
    assert counted(growth, "django_db_new_connections_total", "stopped") == 1
    assert counted(growth, "django_db_new_connection_errors_total", "stopped") == 1


def test_reconnecting__after_a_break_counts_the_new_connection(connection: BaseDatabaseWrapper) -> None:
    growth = Growth()
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert counted(growth, "django_db_new_connections_total") == 1


def test_server_side_cursor__counts_one_statement(connection: BaseDatabaseWrapper) -> None:
    connection.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO item SELECT generate_series(1, 5000)")
    growth = Growth()
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT number FROM item")
        rows = [row for chunk in iter(lambda: cursor.fetchmany(100), []) for row in chunk]
    connection.rollback()
    assert (len(rows), counted(growth, "django_db_execute_total")) == (5000, 1)


def test_context__learns_of_each_statement(connection: BaseDatabaseWrapper) -> None:
    context = within(connection, "SELECT 1", "SELECT 2")
    assert context.db_count == 2


def test_context__learns_of_the_time(connection: BaseDatabaseWrapper) -> None:
    context = within(connection, "SELECT pg_sleep(0.1)")
    assert 100_000_000 <= context.db_duration_ns < 10_000_000_000


def test_context__counts_one_executemany_as_one_round_trip(connection: BaseDatabaseWrapper) -> None:
    context = Context(new_identity())
    token = current.set(context)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO item VALUES (%s)", [(1,), (2,), (3,)])
    current.reset(token)
    assert context.db_count == 1


def test_engine_of_django_prometheus__does_not_count_twice(postgresql: PostgreSQL) -> None:
    with connected(postgresql, "theirs", THEIRS) as connection, connection.cursor() as cursor:
        growth = Growth()  # their engine also counts what Django asks when it connects
        cursor.execute("SELECT 1")
    assert counted(growth, "django_db_execute_total", "theirs") == 1


def test_engine_of_django_prometheus__does_not_time_twice(postgresql: PostgreSQL) -> None:
    with connected(postgresql, "theirs", THEIRS) as connection, connection.cursor() as cursor:
        growth = Growth()  # their engine also counts what Django asks when it connects
        cursor.execute("SELECT 1")
    assert counted(growth, "django_db_query_duration_seconds_count", "theirs") == 1


def test_engine_of_django_prometheus__does_not_count_connections_twice(postgresql: PostgreSQL) -> None:
    growth = Growth()
    with connected(postgresql, "theirs", THEIRS) as connection:
        connection.ensure_connection()
    assert counted(growth, "django_db_new_connections_total", "theirs") == 1


def test_engine_of_django_prometheus__does_not_count_errors_twice(postgresql: PostgreSQL) -> None:
    growth = Growth()
    with (
        connected(postgresql, "theirs", THEIRS) as connection,
        pytest.raises(ProgrammingError),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM nowhere")
    assert counted(growth, "django_db_errors_total", "theirs", type="UndefinedTable") == 1


def test_engine_of_django_prometheus__gets_no_series_of_ours(postgresql: PostgreSQL) -> None:
    with connected(postgresql, "theirs", THEIRS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.executemany("SELECT %s", [(1,), (2,)])
    ours = [key for key in merged_vectors() if key[0].startswith("django_db_")]
    assert [key for key in ours if "theirs" in key] == []


def test_engine_of_django_prometheus__tells_the_context(postgresql: PostgreSQL) -> None:
    with connected(postgresql, "theirs", THEIRS) as connection:
        assert within(connection, "SELECT 1").db_count == 1


def test_pool__counts_each_statement_once(postgresql: PostgreSQL) -> None:
    growth = Growth()
    with connected(postgresql, "pooled", options={"pool": {"min_size": 1, "max_size": 2}}) as connection:
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            connection.close()
    assert counted(growth, "django_db_execute_total", "pooled") == 3


def test_pool__does_not_wrap_a_connection_again_each_time(postgresql: PostgreSQL) -> None:
    with connected(postgresql, "pooled", options={"pool": {"min_size": 1, "max_size": 2}}) as connection:
        for _ in range(20):
            connection.ensure_connection()
            connection.close()
        assert connection.execute_wrappers.count(database.count_statement) == 1


def test_install__counts_the_connections_that_are_open_already(postgresql: PostgreSQL) -> None:
    with connected(postgresql, "pg") as connection:
        connection.ensure_connection()
        connection.execute_wrappers.clear()
        connections["default"].execute_wrappers.clear()
        connections["default"].ensure_connection()
        database.install()
        assert connections["default"].execute_wrappers == [database.count_statement]


def test_wrapper_of_somebody_else__is_the_one_that_is_taken_off(postgresql: PostgreSQL) -> None:
    def pass_on(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        return execute(sql, params, many, context)

    with connected(postgresql, "pg") as connection:
        with connection.execute_wrapper(pass_on):
            connection.ensure_connection()
        assert connection.execute_wrappers == [database.count_statement]


def test_iterator_of_a_query_set__counts_one_statement(connection: BaseDatabaseWrapper) -> None:
    class Item(models.Model):
        number = models.IntegerField(primary_key=True)

        class Meta:
            app_label = "tests"
            db_table = "item"

        def __str__(self) -> str:
            return str(self.number)

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO item SELECT generate_series(1, 5000)")
    connections["pg"] = connection
    try:
        growth = Growth()
        rows = len(list(Item.objects.using("pg").iterator(chunk_size=100)))
    finally:
        del connections["pg"]
    assert (rows, counted(growth, "django_db_execute_total")) == (5000, 1)


def test_error__is_not_kept_alive(connection: BaseDatabaseWrapper) -> None:
    with pytest.raises(Error) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM nowhere")
    frames = []
    traceback = caught.value.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    assert [frame for frame in frames if frame.f_code.co_name == "count_statement" and "error" in frame.f_locals] == []


def within(connection: BaseDatabaseWrapper, *statements: str) -> Context:
    """Run statements within a context of their own, and return it."""
    context = Context(new_identity())
    token = current.set(context)
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        current.reset(token)
    return context
