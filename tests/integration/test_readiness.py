"""The readiness checks against real services: there, away, hung; and nothing is left open."""

import dataclasses
import socket
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from django.db import connection, connections

from django_ops.exceptions import ImproperlyConfiguredError, NotReadyError
from django_ops.health.checks.broker import connect
from django_ops.health.checks.cache import write_and_read
from django_ops.health.checks.database import database as database_checks
from django_ops.health.checks.database import ping
from django_ops.health.runner import Runner
from tests.integration.services import held_port

WAIT_SECONDS = 30


@pytest.fixture(autouse=True)
def long_deadline(settings):
    settings.OPS_READYZ_TIMEOUT_SECONDS = 30.0
    settings.OPS_READYZ_CACHE_SECONDS = 0.0


@pytest.fixture
def short_deadline(settings):
    settings.OPS_READYZ_TIMEOUT_SECONDS = 1.0


@pytest.fixture
def black_hole(short_deadline):
    """A port where somebody listens, and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield listener.getsockname()[1]


def in_thread(function, *arguments):
    """Run as a check is run, and return what it raised."""
    raised = []

    def run():
        try:
            function(*arguments)
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), f"{function.__name__} did not end"
    return raised[0] if raised else None


def lasted_less_than(seconds, function, *arguments):
    begun = time.monotonic()
    error = in_thread(function, *arguments)
    assert time.monotonic() - begun < seconds
    return error


def eventually(is_so):
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


# PostgreSQL ----------------------------------------------------------------------------------------------------


@contextmanager
def database(**given):
    """Configure the database "probed", and take it away again."""
    settings_dict = connections.configure_settings({"default": {}, "probed": given})["probed"]
    connections.settings["probed"] = settings_dict
    try:
        yield
    finally:
        del connections.settings["probed"]


def postgresql_settings(server, **changes):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": server.host,
        "PORT": server.port,
        "USER": server.user,
        "PASSWORD": server.password,
        "NAME": server.database,
    } | changes


def sessions(server):
    import psycopg

    with psycopg.connect(
        host=server.host, port=server.port, user=server.user, dbname="postgres", autocommit=True
    ) as observer:
        (count,) = observer.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = 'ops'").fetchone()
    return count


def test_postgresql__there(postgresql):
    with database(**postgresql_settings(postgresql)):
        assert in_thread(ping, "probed") is None


@pytest.mark.parametrize("options", [{"CONN_MAX_AGE": None}, {"OPTIONS": {"pool": True}}], ids=["persistent", "pool"])
def test_postgresql__leaves_no_session_open(postgresql, options):
    before = sessions(postgresql)
    with database(**postgresql_settings(postgresql, **options)):
        for _ in range(20):
            assert in_thread(ping, "probed") is None
    assert eventually(lambda: sessions(postgresql) <= before)


def test_postgresql__does_not_touch_the_requests_connection(postgresql, django_db_blocker):
    """A probe in the middle of a request's transaction neither ends it nor closes its connection."""
    with database(**postgresql_settings(postgresql)), django_db_blocker.unblock():
        mine = connections["probed"]
        try:
            mine.set_autocommit(False)
            with mine.cursor() as cursor:
                cursor.execute("CREATE TEMPORARY TABLE half_done (id int)")
            ping("probed")
            with mine.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM half_done")
                assert cursor.fetchone() == (0,)
        finally:
            mine.close()
            del connections["probed"]


def test_postgresql__is_not_counted_as_queries_of_the_site(postgresql, monkeypatch):
    from django.db.backends.signals import connection_created

    opened = []
    connection_created.connect(lambda **kwargs: opened.append(kwargs), weak=False, dispatch_uid="probe")
    try:
        with database(**postgresql_settings(postgresql)):
            in_thread(ping, "probed")
    finally:
        connection_created.disconnect(dispatch_uid="probe")
    assert opened == []


@pytest.mark.usefixtures("short_deadline")
def test_postgresql__away():
    with database(ENGINE="django.db.backends.postgresql", HOST="127.0.0.1", PORT=held_port(), NAME="ops"):
        error = lasted_less_than(30, ping, "probed")
    assert "refused" in str(error)


def test_postgresql__hung_connection_ends_by_itself(black_hole):
    """A run that missed its deadline must end, or readiness would never recover. libpq's least wait is 2 s."""
    with database(ENGINE="django.db.backends.postgresql", HOST="127.0.0.1", PORT=black_hole, NAME="ops"):
        error = lasted_less_than(30, ping, "probed")
    assert "timeout" in str(error)


def test_postgresql__hung_is_reported_at_the_deadline(black_hole, settings):
    settings.OPS_READYZ_TIMEOUT_SECONDS = 10  # how long the connection tries; the check is given less
    (check,) = database_checks("probed")
    settings.OPS_READYZ_CHECKS = [dataclasses.replace(check, timeout_seconds=0.2)]
    with database(ENGINE="django.db.backends.postgresql", HOST="127.0.0.1", PORT=black_hole, NAME="ops"):
        runner = Runner()
        assert runner.report().status == "failed"
        *_, run = runner._runs.values()
        assert not run.ended.is_set()
        assert run.ended.wait(WAIT_SECONDS)


def test_postgresql__wrong_database_is_named(postgresql):
    with database(**postgresql_settings(postgresql, NAME="nowhere")):
        assert "nowhere" in str(in_thread(ping, "probed"))


# SQLite --------------------------------------------------------------------------------------------------------


def test_sqlite__there(tmp_path):
    path = tmp_path / "db.sqlite3"
    path.touch()
    with database(ENGINE="django.db.backends.sqlite3", NAME=str(path)):
        assert in_thread(ping, "probed") is None


def test_sqlite__in_memory():
    with database(ENGINE="django.db.backends.sqlite3", NAME=":memory:"):
        assert in_thread(ping, "probed") is None


def test_sqlite__missing_file(tmp_path):
    with database(ENGINE="django.db.backends.sqlite3", NAME=str(tmp_path / "db.sqlite3")):
        assert isinstance(in_thread(ping, "probed"), FileNotFoundError)


def test_sqlite__missing_file_is_not_made(tmp_path):
    with database(ENGINE="django.db.backends.sqlite3", NAME=str(tmp_path / "db.sqlite3")):
        in_thread(ping, "probed")
    assert not (tmp_path / "db.sqlite3").exists()


def test_sqlite__file_that_is_no_database(tmp_path):
    (tmp_path / "db.sqlite3").write_bytes(b"not a database" * 100)
    with database(ENGINE="django.db.backends.sqlite3", NAME=str(tmp_path / "db.sqlite3")):
        assert "not a database" in str(in_thread(ping, "probed"))


def test_database__unknown_alias():
    assert isinstance(in_thread(ping, "nowhere"), ImproperlyConfiguredError)


# caches --------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(settings):
    def configure(backend, location="", **options):
        settings.CACHES = {
            "default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": location, "OPTIONS": options}
        }

    return configure


def clients(server):
    import redis

    with redis.Redis(server.host, server.port) as observer:
        return len(observer.client_list())


def test_redis__there(redis_server, cache):
    cache("redis.RedisCache", redis_server.url)
    assert in_thread(write_and_read, "default") is None


def test_redis__leaves_no_connection_open(redis_server, cache, monkeypatch):
    """Not even to the garbage collector."""
    module = sys.modules["django_ops.health.checks.cache"]
    kept, make = [], module._client
    monkeypatch.setattr(module, "_client", lambda *arguments: kept.append(make(*arguments)) or kept[-1])
    cache("redis.RedisCache", redis_server.url)
    before = clients(redis_server)
    for _ in range(20):
        in_thread(write_and_read, "default")
    assert eventually(lambda: clients(redis_server) <= before)


def test_redis__leaves_no_key_behind(redis_server, cache):
    import redis

    cache("redis.RedisCache", redis_server.url)
    in_thread(write_and_read, "default")
    with redis.Redis(redis_server.host, redis_server.port) as observer:
        assert list(observer.scan_iter("*django-ops-readyz*")) == []


@pytest.mark.usefixtures("short_deadline")
def test_redis__away(cache):
    cache("redis.RedisCache", f"redis://127.0.0.1:{held_port()}/0")
    assert "refused" in str(lasted_less_than(60, write_and_read, "default"))


def test_redis__hung_ends_by_itself(cache, black_hole):
    cache("redis.RedisCache", f"redis://127.0.0.1:{black_hole}/0")
    assert lasted_less_than(60, write_and_read, "default") is not None


def test_memcached__there(memcached, cache):
    cache("memcached.PyMemcacheCache", f"{memcached.host}:{memcached.port}")
    assert in_thread(write_and_read, "default") is None


def test_memcached__leaves_no_connection_open(memcached, cache):
    from tests.integration.services import _reply

    def connected():
        reply = ""

        def is_told():
            nonlocal reply
            reply = _reply(memcached.port, b"stats\r\n").decode()
            return "curr_connections" in reply

        assert eventually(is_told), "it never answered within a second"
        return int(reply.partition("STAT curr_connections ")[2].split()[0])

    cache("memcached.PyMemcacheCache", f"{memcached.host}:{memcached.port}")
    in_thread(write_and_read, "default")
    before = connected()
    for _ in range(20):
        in_thread(write_and_read, "default")
    assert eventually(lambda: connected() <= before)


@pytest.mark.usefixtures("short_deadline")
def test_memcached__away(cache):
    cache("memcached.PyMemcacheCache", f"127.0.0.1:{held_port()}")
    assert lasted_less_than(30, write_and_read, "default") is not None


@pytest.mark.usefixtures("short_deadline")
def test_memcached__that_swallows_its_errors_is_found_out(cache):
    cache("memcached.PyMemcacheCache", f"127.0.0.1:{held_port()}", ignore_exc=True)
    assert isinstance(in_thread(write_and_read, "default"), NotReadyError)


def test_memcached__hung_ends_by_itself(cache, black_hole):
    cache("memcached.PyMemcacheCache", f"127.0.0.1:{black_hole}")
    assert lasted_less_than(60, write_and_read, "default") is not None


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_cache__in_process(cache, backend):
    cache(backend)
    assert in_thread(write_and_read, "default") is None


def test_cache__file_based(cache, tmp_path):
    cache("filebased.FileBasedCache", str(tmp_path))
    assert in_thread(write_and_read, "default") is None


def test_cache__unknown_alias():
    assert isinstance(in_thread(write_and_read, "nowhere"), ImproperlyConfiguredError)


# migrations ----------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_believed(monkeypatch):
    """The module, which shares its name with the function in the package."""
    module = sys.modules["django_ops.health.checks.migrations"]
    monkeypatch.setattr(module, "_believed_until", {})
    return module


@pytest.mark.django_db
def test_migrations__applied(nothing_believed):
    assert nothing_believed.require_applied("default") is None


@pytest.mark.django_db
def test_migrations__one_waits(nothing_believed):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
    with pytest.raises(NotReadyError, match=r"1 migrations wait .*sessions\.0001_initial"):
        nothing_believed.require_applied("default")


@pytest.mark.django_db
def test_migrations__applied_is_believed_without_a_query(nothing_believed, django_assert_num_queries):
    nothing_believed.require_applied("default")
    with django_assert_num_queries(0):
        nothing_believed.require_applied("default")


@pytest.mark.django_db
def test_migrations__waiting_is_looked_at_again(nothing_believed):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
        with pytest.raises(NotReadyError):
            nothing_believed.require_applied("default")
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('sessions', '0001_initial', '2026-01-01')"
        )
    assert nothing_believed.require_applied("default") is None


def test_migrations__unknown_alias(nothing_believed):
    with pytest.raises(ImproperlyConfiguredError):
        nothing_believed.require_applied("nowhere")


# broker --------------------------------------------------------------------------------------------------------


@pytest.fixture
def broker():
    """The default Celery app of the test, at a broker that the test names."""
    import celery
    from celery import _state

    before = _state.default_app
    app = celery.Celery("probed", set_as_current=False)
    app.set_default()

    def configure(url):
        app.conf.broker_url = url

    yield configure
    app.close()
    _state.set_default_app(before)


def test_broker__redis_there(broker, redis_server):
    broker(redis_server.url)
    assert in_thread(connect) is None


def test_broker__leaves_no_connection_open(broker, redis_server):
    broker(redis_server.url)
    in_thread(connect)
    before = clients(redis_server)
    for _ in range(10):
        assert in_thread(connect) is None
    assert eventually(lambda: clients(redis_server) <= before)


other_app = None


def test_broker__of_a_named_app(broker, redis_server, monkeypatch):
    import celery

    broker(f"redis://127.0.0.1:{held_port()}/0")
    named = celery.Celery("named", broker=redis_server.url, set_as_current=False)
    monkeypatch.setattr(sys.modules[__name__], "other_app", named)
    assert in_thread(connect, f"{__name__}.other_app") is None


@pytest.mark.usefixtures("short_deadline")
@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_broker__away(broker, scheme):
    broker(f"{scheme}://guest:guest@127.0.0.1:{held_port()}//")
    assert lasted_less_than(10, connect) is not None


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_broker__hung_ends_by_itself(broker, scheme, black_hole):
    broker(f"{scheme}://guest:guest@127.0.0.1:{black_hole}//")
    assert lasted_less_than(60, connect) is not None


def test_broker__in_memory(broker):
    broker("memory://")
    assert in_thread(connect) is None


def test_broker__without_celery_names_the_command(monkeypatch):
    from django_ops.exceptions import MissingExtraError

    monkeypatch.setitem(sys.modules, "celery", None)
    error = in_thread(connect)
    assert isinstance(error, MissingExtraError)
