import os
import threading

import pytest
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from django_ops.exceptions import NotReadyError
from django_ops.health.checks.migrations import _believed_until, require_applied
from django_ops.metrics import catalog, merge, migrations
from django_ops.metrics import store as stores
from tests.unit.metrics.observed import value

APPLIED = "django_migrations_applied_total"
UNAPPLIED = "django_migrations_unapplied_total"


@pytest.fixture(autouse=True)
def never_looked_up(monkeypatch):
    monkeypatch.setattr(migrations, "_looked_up_at", float("-inf"))
    monkeypatch.setattr(migrations, "_running", None)
    monkeypatch.setattr(migrations, "_told", set())
    _believed_until.clear()


@pytest.fixture
def look_ups(monkeypatch):
    """Look-ups that were made, without a database."""
    made: list[str] = []
    monkeypatch.setattr(migrations, "look_up", lambda: made.append(threading.current_thread().name))
    return made


@pytest.mark.django_db(transaction=True)
def test_look_up__sets_both_gauges():
    migrations.look_up()
    known = len(MigrationExecutor(connections["default"]).loader.graph.nodes)
    assert (value(APPLIED, connection="default"), value(UNAPPLIED, connection="default")) == (known, 0.0)


@pytest.mark.django_db(transaction=True)
def test_look_up__counts_what_waits():
    recorder = MigrationRecorder(connections["default"])
    recorder.record_unapplied("sessions", "0001_initial")
    try:
        migrations.look_up()
    finally:
        recorder.record_applied("sessions", "0001_initial")
    assert value(UNAPPLIED, connection="default") == 1.0


class Sessions:
    """A router that lets the tables of sessions, and nothing else, into the second database."""

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return app_label == "sessions" if db == "second" else None


class Nothing:
    """A router that lets nothing into the second database."""

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        return False if db == "second" else None


@pytest.fixture
def second(monkeypatch, tmp_path, django_db_blocker):
    """A second database, which is empty."""
    like = {**connections.settings["default"], "NAME": str(tmp_path / "second.sqlite3")}
    monkeypatch.setitem(connections.settings, "second", like)
    with django_db_blocker.unblock():
        yield connections["second"]
        connections["second"].close()
    del connections["second"]


@pytest.mark.parametrize(
    ("routers", "unapplied"), [([Nothing()], None), ([Sessions()], 1.0), ([], None)], ids=["nothing", "one app", "none"]
)
def test_look_up__counts_what_this_project_migrates(second, settings, routers, unapplied):
    settings.DATABASE_ROUTERS = routers
    migrations.look_up()
    assert value(UNAPPLIED, connection="second") == unapplied


def test_look_up__leaves_no_old_number_of_a_database_that_is_no_longer_ours(second, settings):
    settings.DATABASE_ROUTERS = [Sessions()]
    migrations.look_up()
    settings.DATABASE_ROUTERS = []
    migrations.look_up()
    assert value(UNAPPLIED, connection="second") == 0.0


@pytest.mark.parametrize(("checks", "counts"), [([], False), (["optional:migrations:second"], True)])
def test_look_up__counts_what_readiness_waits_for(second, settings, checks, counts):
    settings.OPS_READYZ_CHECKS = checks
    migrations.look_up()
    assert bool(value(UNAPPLIED, connection="second")) is counts
    if counts:
        with pytest.raises(NotReadyError, match="migrations wait to be applied to second"):
            require_applied("second")
    else:
        require_applied("second")


def test_look_up__counts_a_database_that_was_migrated_without_a_router(second):
    recorder = MigrationRecorder(second)
    recorder.record_applied("sessions", "0001_initial")
    migrations.look_up()
    assert value(APPLIED, connection="second") == 1.0
    assert value(UNAPPLIED, connection="second") > 0.0


def test_readiness__waits_for_nothing_that_no_router_lets_in(second, settings):
    settings.DATABASE_ROUTERS = [Nothing()]
    require_applied("second")
    settings.DATABASE_ROUTERS = [Sessions()]
    _believed_until.clear()
    with pytest.raises(NotReadyError, match=r"^1 migrations wait"):
        require_applied("second")


@pytest.mark.django_db(transaction=True)
def test_refresh__is_not_counted_as_statements():
    """The scrape must not be part of what it tells of."""
    before = value("django_db_execute_total", alias="default", vendor="sqlite")
    migrations.refresh()
    assert value(APPLIED, connection="default") > 0.0
    assert value("django_db_execute_total", alias="default", vendor="sqlite") == before


def test_look_up__of_a_broken_database_logs_and_raises_nothing(monkeypatch, caplog, django_db_blocker):
    def fail(connection):
        raise RuntimeError("a conflict of migrations")

    monkeypatch.setattr(migrations, "MigrationExecutor", fail)
    with django_db_blocker.unblock():
        migrations.look_up()
    assert "the migrations of the database default could not be looked up: a conflict" in caplog.text


def test_look_up__passes_over_the_dummy_database(monkeypatch):
    from django.db import ConnectionHandler

    monkeypatch.setattr(migrations, "connections", ConnectionHandler({"default": {}}))
    migrations.look_up()
    assert value(APPLIED, connection="default") is None


def test_refresh__looks_up_once_a_minute(look_ups, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(migrations, "monotonic", lambda: now[0])
    for seconds in (0.0, 30.0, 59.0, 61.0, 90.0):
        now[0] = 1000.0 + seconds
        migrations.refresh()
    assert len(look_ups) == 2


def test_refresh__works_in_a_thread_with_connections_of_its_own(look_ups):
    migrations.refresh()
    assert look_ups == ["django-ops-migrations"]


def test_refresh__can_be_switched_off(look_ups, settings):
    settings.OPS_METRICS_MIGRATIONS = False
    migrations.refresh()
    assert look_ups == []


def test_refresh__does_not_wait_for_a_database_that_does_not_answer(monkeypatch):
    answers = threading.Event()
    monkeypatch.setattr(migrations, "look_up", lambda: answers.wait(30))
    monkeypatch.setattr(migrations, "PATIENCE_SECONDS", 0.01)
    migrations.refresh()
    thread = migrations._running[1]
    assert thread.is_alive()
    answers.set()
    thread.join(10)


def test_refresh__starts_no_second_look_up_beside_a_slow_one(monkeypatch):
    answers, started = threading.Event(), []
    monkeypatch.setattr(migrations, "look_up", lambda: started.append(1) or answers.wait(30))
    monkeypatch.setattr(migrations, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(migrations, "REFRESH_SECONDS", 0.0)
    migrations.refresh()
    migrations.refresh()
    answers.set()
    migrations._running[1].join(10)
    assert len(started) == 1


def slot(applied: float, *, is_alive: bool = True, label: str = "0") -> merge.Slot:
    """Return what the file of a slot says whose process has looked migrations up."""
    stores.forget()
    catalog.MIGRATIONS_APPLIED.set(applied, "default")
    return merge.Slot(label, list(stores.active().entries()), is_alive, stores.latency_bounds)


def merged(*slots: merge.Slot) -> float | None:
    vector = merge.add_up(slots).get((APPLIED, "default"))
    return None if vector is None else vector[0]


def test_gauge__of_several_processes_is_the_highest():
    assert merged(slot(3.0), slot(7.0), slot(5.0)) == 7.0


def test_gauge__of_a_process_that_is_gone_does_not_count():
    """The peer's pid-labelled gauge of a finished `migrate` stays, and fires the alert for ever (#441)."""
    assert merged(slot(3.0), slot(7.0, is_alive=False)) == 3.0


@pytest.mark.parametrize("seconds", [601.0, -601.0])
def test_gauge__that_is_old_is_not_reported(monkeypatch, seconds):
    read = slot(3.0)
    now = merge.time.time()
    monkeypatch.setattr(merge.time, "time", lambda: now + seconds)
    assert merged(read) is None


def test_gauge__that_is_looked_up_again_in_time_is_reported(monkeypatch):
    read = slot(3.0)
    now = merge.time.time()
    monkeypatch.setattr(merge.time, "time", lambda: now + 599.0)
    assert merged(read) == 3.0


def test_slot__of_this_process_is_alive():
    assert merge.process.is_alive(os.getpid(), merge.process.started_ticks(os.getpid()))
