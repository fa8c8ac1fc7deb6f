"""What visitors and tasks notice when a part of the site is restarted, replaced or stopped: nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest

from tests.e2e.commands import docker, wait_for
from tests.e2e.lines import field, in_files
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Load, Visitor, summary

#: stop_grace_period of the worker.
GRACE_SECONDS = 60
#: A worker that does not wait for its task ends at once.
WAITS_SECONDS = 3
TASK = "stack.inventory.tasks.recompute_report"
TABLE = "inventory_inventoryreport"

Report = dict[str, list[str]]


def replaced_under_load(stack: Stack, admin: Visitor, *command: str) -> Load:
    """Run a command of `docker compose` on web under load, and return the load once the site has served again."""
    before = stack.container("web")["State"]["StartedAt"]
    with Load(stack.port, writer=admin) as load:
        stack.compose(*command, timeout=180)
        done_at = time.time()
        wait_for("a read after that", lambda: load.served_after(done_at), 60)
        stack.wait_healthy()
    assert stack.container("web")["State"]["StartedAt"] != before
    return load


def stored(probe: Probe, load: Load) -> set[str]:
    """Return which of the load's writes are in the database."""
    names = ", ".join(f"'{name}'" for name, _ in load.writes)
    return {name for (name,) in probe.sql(f"SELECT name FROM inventory_tag WHERE name IN ({names})", "app")}


def test_restart_of_web__fails_no_request(stack: Stack, probe: Probe, admin: Visitor, report: Report) -> None:
    load = replaced_under_load(stack, admin, "restart", "web")
    report.setdefault("restart", []).append(f"docker compose restart web: {summary(load.answers)}")
    assert [(answer.status, answer.error) for answer in load.failures] == []
    assert stored(probe, load) == {name for name, _ in load.acknowledged}
    assert len(load.acknowledged) == len(load.writes)


def test_replacement_of_web__loses_no_acknowledged_write(
    stack: Stack, probe: Probe, admin: Visitor, report: Report
) -> None:
    load = replaced_under_load(stack, admin, "up", "-d", "--force-recreate", "web")
    report.setdefault("restart", []).append(
        f"docker compose up --force-recreate web: {len(load.failures)} failed of {summary(load.answers)}"
    )
    assert stored(probe, load) >= {name for name, _ in load.acknowledged}


def test_kill_of_web__is_seen_by_the_load(stack: Stack, admin: Visitor) -> None:
    """Else no failure would prove nothing."""
    with Load(stack.port, writer=admin, pause_seconds=0) as load:
        stack.compose("stop", "--timeout", "0", "web")
        wait_for("a failure", lambda: load.failures, 60)
        stack.compose("start", "web")
    stack.wait_healthy()


@contextmanager
def held_up(probe: Probe) -> Iterator[Callable[[], None]]:
    """Let whoever writes a report wait, until the function that this returns is called."""
    lock = f"LOCK TABLE {TABLE} IN EXCLUSIVE MODE; SELECT pg_sleep(600)"
    granted = f"FROM pg_locks WHERE relation = '{TABLE}'::regclass AND granted AND mode = 'ExclusiveLock'"

    def release() -> None:
        probe.sql(f"SELECT pg_terminate_backend(pid) {granted}", "app")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(probe.ask, probe.sql_question(lock, "app"), timeout=600)
        try:
            wait_for("the table to be locked", lambda: probe.sql(f"SELECT 1 {granted}", "app"), 20)
            yield release
        finally:
            release()


def reports(probe: Probe) -> set[str]:
    """Return the numbers of the reports; after a crash PostgreSQL leaves some out."""
    return {number for (number,) in probe.sql(f"SELECT id FROM {TABLE}", "app")}


def task_lines(probe: Probe, request_id: str) -> list[dict]:
    """Return the lines of the tasks that a request sent."""
    found = [line for line in in_files(probe, "worker-logs") if field(line, "event.dataset") == "django.task"]
    return [line for line in found if request_id in (field(line, "http.request.id"), field(line, "trace.id"))]


@pytest.fixture
def worker_again(stack: Stack) -> Iterator[None]:
    yield
    stack.compose("start", "worker")
    stack.wait_healthy()


def told_to_stop(container: str, since: float) -> bool:
    """Tell whether the engine has sent a container a signal since a moment."""
    period = ("--since", f"{since:.3f}", "--until", f"{time.time():.3f}")
    return bool(docker("events", *period, "--filter", f"container={container}", "--filter", "event=kill"))


def test_stop_of_the_worker__waits_for_the_running_task(
    stack: Stack, probe: Probe, admin: Visitor, report: Report, worker_again: None
) -> None:
    before, worker = reports(probe), stack.id("worker")
    with held_up(probe) as release, ThreadPoolExecutor(1) as pool:
        answer = admin.post("/report/recompute/", {}, page="/report/")
        assert answer.status == 302
        waiting = f"SELECT 1 FROM pg_locks WHERE relation = '{TABLE}'::regclass AND NOT granted"
        wait_for("the task to run", lambda: probe.sql(waiting, "app"), 10)
        began_at = time.time()
        stopping = pool.submit(stack.compose, "stop", "worker", timeout=GRACE_SECONDS + 30)
        wait_for("the worker to be told", lambda: told_to_stop(worker, began_at), 30)
        ended, _ = wait([stopping], timeout=WAITS_SECONDS)
        assert not ended, "the worker ends while its task runs"
        release()
        stopping.result()
        took_seconds = time.time() - began_at
    report.setdefault("restart", []).append(f"docker compose stop worker, with a task: {took_seconds:.1f} s")
    # 137 where it was killed when its time was over
    assert stack.container("worker")["State"]["ExitCode"] == 0
    assert len(reports(probe) - before) == 1
    assert [field(line, "event.outcome") for line in task_lines(probe, answer.request_id)] == ["success"]


def history(admin: Visitor) -> set[str]:
    """Return the ids of the tasks that Flower knows of."""
    answer = admin.request("/ops/flower/api/tasks")
    return set(json.loads(answer.body)) if answer.status == 200 else set()


def test_restart_of_flower__keeps_its_history(stack: Stack, admin: Visitor) -> None:
    admin.post("/report/recompute/", {}, page="/report/")
    known = wait_for("Flower to hear of a task", lambda: history(admin), 30)
    stack.compose("up", "-d", "--force-recreate", "flower")
    stack.wait_healthy()
    assert known <= wait_for("Flower's history", lambda: history(admin), 30)
