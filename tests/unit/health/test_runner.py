"""The runner: deadlines, single flight, hung checks, threads and event loops."""

import asyncio
import os
import select
import signal
import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_ops.health import Check
from django_ops.health.check import Status
from django_ops.health.runner import Runner

WAIT_SECONDS = 10


class Counting:
    """A check that counts its runs, and may wait for an event or fail."""

    def __init__(self, error=None, until=None):
        self.runs = 0
        self.begun = threading.Event()
        self.error = error
        self.until = until
        self.threads = []

    def __call__(self):
        self.runs += 1
        self.begun.set()
        self.threads.append(threading.current_thread())
        if self.until is not None:
            assert self.until.wait(WAIT_SECONDS)
        if self.error is not None:
            raise self.error


@pytest.fixture
def use(settings):
    """Configure checks; short deadline, no cache unless said otherwise."""

    def configure(*checks, timeout_seconds=5.0, cache_seconds=0.0):
        settings.OPS_READYZ_CHECKS = list(checks)
        settings.OPS_READYZ_TIMEOUT_SECONDS = timeout_seconds
        settings.OPS_READYZ_CACHE_SECONDS = cache_seconds
        return Runner()

    return configure


@pytest.fixture
def gate():
    """An event that hung checks wait for; set at the end, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()


# what comes of a check -----------------------------------------------------------------------------------------


def test_report__well(use):
    assert use(Counting()).report().status is Status.OK


def test_report__no_checks(use):
    assert use().report().status is Status.OK


def test_report__of_a_urlconf_that_is_broken(use, settings, monkeypatch, tmp_path):
    """In what it includes; and it is not believed for ever."""
    (tmp_path / "outerurls.py").write_text(
        "from django.urls import include, path\nurlpatterns = [path('', include('innerurls'))]"
    )
    (tmp_path / "innerurls.py").write_text("import nonexistent")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    settings.ROOT_URLCONF = "outerurls"
    runner = use(Counting())
    (failure,) = runner.report().failures
    assert (failure.name, failure.critical) == ("ROOT_URLCONF", True)
    assert failure.summary == "ModuleNotFoundError: No module named 'nonexistent'"
    (tmp_path / "innerurls.py").write_text("urlpatterns = []")
    assert (runner.report().status, [result.name for result in runner.report().results]) == (
        Status.OK,
        ["tests.unit.health.test_runner.Counting"],
    )


def test_report__of_a_urlconf_that_loads_for_long(use, gate, settings, monkeypatch):
    """Nobody waits for it longer than for another check; it loads on, and is ready when it is loaded."""
    loading = Counting(until=gate)

    class Patterns(types.ModuleType):
        @property
        def urlpatterns(self):
            loading()
            return []

    monkeypatch.setitem(sys.modules, "slowurls", Patterns("slowurls"))
    settings.ROOT_URLCONF = "slowurls"
    runner = use(Counting(), timeout_seconds=0.05)
    for _ in range(2):
        (failure,) = runner.report().failures
        assert (failure.name, "the deadline is 0.05 s" in failure.summary) == ("ROOT_URLCONF", True)
    gate.set()
    deadline = time.monotonic() + WAIT_SECONDS
    while runner.report().status is not Status.OK:
        assert time.monotonic() < deadline
    assert loading.runs == 1


def test_report__failure_carries_the_error(use):
    error = OSError("refused")
    assert use(Counting(error)).report().results[0].error is error


def test_report__one_failure_hides_no_other_result(use):
    results = use(Counting(OSError()), Counting(), Counting(OSError())).report().results
    assert [result.error is None for result in results] == [False, True, False]


def test_report__system_exit_is_a_failure(use):
    assert use(Counting(SystemExit(1))).report().status is Status.FAILED


def test_report__optional_failure_is_degraded(use):
    assert use(Check("search", Counting(OSError()), critical=False)).report().status is Status.DEGRADED


def test_report__duration(use):
    def takes_a_while():
        time.sleep(0.05)

    assert 0.05 <= use(takes_a_while).report().results[0].duration_seconds < 5


def test_report__unusable_entry_is_a_failure(use):
    assert use("nowhere").report().status is Status.FAILED


def test_report__unusable_cache_seconds_leave_nobody_waiting(use):
    assert use(Counting(), cache_seconds="soon").report().status is Status.OK


def test_report__unusable_timeout_leaves_nobody_waiting(use):
    assert use(Counting(), timeout_seconds="2").report().status is Status.FAILED


# coroutines ----------------------------------------------------------------------------------------------------


async def ready():
    await asyncio.sleep(0)


async def refused():
    raise OSError("refused")


async def never():
    await asyncio.sleep(3600)


def test_coroutine__well(use):
    assert use(ready).report().status is Status.OK


def test_coroutine__failure(use):
    assert isinstance(use(refused).report().results[0].error, OSError)


def test_coroutine__is_cancelled_at_its_deadline(use):
    runner = use(never, timeout_seconds=0.05)
    runner.report()
    *_, run = runner._runs.values()
    assert run.ended.wait(WAIT_SECONDS)


def test_coroutine__under_a_running_loop(use):
    assert asyncio.run(use(ready).areport()).status is Status.OK


# deadlines -----------------------------------------------------------------------------------------------------


def test_deadline__hung_check_fails_in_time(use, gate):
    runner = use(Counting(until=gate), timeout_seconds=0.1)
    begun = time.monotonic()
    assert runner.report().status is Status.FAILED
    assert time.monotonic() - begun < 5


def test_deadline__error_says_so(use, gate):
    result = use(Counting(until=gate), timeout_seconds=0.1).report().results[0]
    assert "the deadline is 0.1 s" in result.summary


def test_deadline__all_checks_share_the_time(use, gate):
    """Fifty hung checks take as long as one; one after the other they would take ten seconds."""
    runner = use(*(Counting(until=gate) for _ in range(50)), timeout_seconds=0.2)
    begun = time.monotonic()
    runner.report()
    assert time.monotonic() - begun < 5


def test_deadline__of_the_check_itself(use, gate):
    begun = time.monotonic()
    use(Check("slow", Counting(until=gate), timeout_seconds=0.1), timeout_seconds=60.0).report()
    assert time.monotonic() - begun < 5


def test_deadline__hung_check_is_not_started_again(use, gate):
    hung = Counting(until=gate)
    runner = use(hung, timeout_seconds=0.05)
    for _ in range(5):
        runner.report()
    assert hung.begun.wait(WAIT_SECONDS)
    assert hung.runs == 1


def test_deadline__hung_check_costs_one_thread(use, gate):
    hung = Counting(until=gate)
    runner = use(hung, timeout_seconds=0.05)
    before = threading.active_count()
    for _ in range(5):
        runner.report()
    assert threading.active_count() <= before + 2  # the hung one, and a flight that is just landing


def test_deadline__still_hung_answers_at_once(use, gate):
    runner = use(Counting(until=gate), timeout_seconds=0.2)
    runner.report()
    begun = time.monotonic()
    assert [runner.report().status for _ in range(50)] == [Status.FAILED] * 50
    assert time.monotonic() - begun < 5  # half of what it would take to wait each time


def test_deadline__runs_again_when_the_hung_run_has_ended(use, gate, settings):
    hung = Counting(until=gate)
    runner = use(hung, timeout_seconds=0.05)
    runner.report()
    *_, run = runner._runs.values()
    gate.set()
    assert run.ended.wait(WAIT_SECONDS)
    settings.OPS_READYZ_TIMEOUT_SECONDS = WAIT_SECONDS
    assert runner.report().status is Status.OK


# one flight ----------------------------------------------------------------------------------------------------


def test_single_flight__hundred_threads_run_each_check_once(use, gate):
    first, second = Counting(until=gate), Counting(until=gate)
    runner = use(first, second, cache_seconds=60.0)
    with ThreadPoolExecutor(100) as pool:
        probes = [pool.submit(runner.report) for _ in range(100)]
        gate.set()
        statuses = {probe.result(WAIT_SECONDS).status for probe in probes}
    assert (first.runs, second.runs, statuses) == (1, 1, {Status.OK})


def test_single_flight__hundred_tasks_run_each_check_once(use, gate):
    check = Counting(until=gate)
    runner = use(check, cache_seconds=60.0)

    async def storm():
        probes = [asyncio.create_task(runner.areport()) for _ in range(100)]
        await asyncio.sleep(0)
        gate.set()
        return {report.status for report in await asyncio.gather(*probes)}

    assert (asyncio.run(storm()), check.runs) == ({Status.OK}, 1)


def test_single_flight__event_loop_is_not_blocked(use, gate):
    runner = use(Counting(until=gate))

    async def probe_and_tick():
        probe = asyncio.create_task(runner.areport())
        await asyncio.sleep(0.01)
        assert not probe.done()
        gate.set()
        return await asyncio.wait_for(probe, WAIT_SECONDS)

    assert asyncio.run(probe_and_tick()).status is Status.OK


def test_single_flight__probe_that_leaves_cancels_nothing(use, gate):
    runner = use(Counting(until=gate))

    async def leave_and_stay():
        leaving, staying = (asyncio.create_task(runner.areport()) for _ in range(2))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.sleep(0.01)
        gate.set()
        return await asyncio.wait_for(staying, WAIT_SECONDS)

    assert asyncio.run(leave_and_stay()).status is Status.OK


def test_cache__fresh_report_is_answered_again(use):
    check = Counting()
    runner = use(check, cache_seconds=60.0)
    assert runner.report() is runner.report()


def test_cache__stale_report_is_not(use):
    check = Counting()
    runner = use(check, cache_seconds=0.0)
    runner.report()
    runner.report()
    assert check.runs == 2


def test_cache__failure_is_cached_as_well(use):
    check = Counting(OSError())
    runner = use(check, cache_seconds=60.0)
    runner.report()
    runner.report()
    assert check.runs == 1


# threads -------------------------------------------------------------------------------------------------------


def test_thread__is_a_daemon(use):
    check = Counting()
    use(check).report()
    assert check.threads[0].daemon


def test_thread__none_to_be_had_is_a_failure(use, monkeypatch):
    runner = use(Counting())

    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert "can't start new thread" in runner.report().results[0].summary


def test_thread__none_left_for_a_check_is_its_failure(use, monkeypatch):
    runner = use(Counting())
    start = threading.Thread.start

    def refuse(self):
        if self.name != "django-ops-readyz":
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    *_, result = runner.report().results
    assert (result.name, result.summary) == (
        "tests.unit.health.test_runner.Counting",
        "RuntimeError: can't start new thread",
    )


def test_thread__connection_that_cannot_be_closed_is_no_failure(use):
    from django.db import connections

    def query():
        connections["default"].close = lambda: 1 / 0

    assert use(query).report().status is Status.OK


def test_thread__closes_what_the_check_opened(use):
    from django.db import connections

    closed = threading.Event()

    def query():
        connections["default"].close = closed.set

    use(query).report()
    assert closed.wait(WAIT_SECONDS)


def test_tell__is_told_each_new_report(use):
    told, landed = [], threading.Event()

    def tell(report):
        told.append(report)
        landed.set()

    use(Counting(), cache_seconds=60.0)
    runner = Runner(tell)
    runner.report()
    runner.report()
    assert landed.wait(WAIT_SECONDS)
    assert [report.status for report in told] == [Status.OK]


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_fork__child_neither_waits_for_nor_answers_with_its_parents_checks(settings, gate):
    from django_ops.health import readiness

    hung = Counting(until=gate)
    settings.OPS_READYZ_CHECKS = [hung]
    settings.OPS_READYZ_TIMEOUT_SECONDS = 60.0
    threading.Thread(target=readiness.runner.report, daemon=True).start()
    assert hung.begun.wait(WAIT_SECONDS)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        settings.OPS_READYZ_CHECKS = []
        os.write(write_end, readiness.runner.report().status.encode())
        os._exit(0)
    os.close(write_end)
    try:
        answered, _, _ = select.select([read_end], [], [], WAIT_SECONDS)
        assert answered, "the child waits for its parent's check"
        assert os.read(read_end, 100) == b"ok"
    finally:
        os.close(read_end)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        readiness.reset()
