"""SIGTERM in a gunicorn master, with a stand-in for gunicorn's Arbiter; the real one is in tests/integration."""

import logging
import os
import signal
import time
from functools import partial
from types import SimpleNamespace

import pytest

from django_ops.health import gunicorn_drain


class Server:
    """As much of the Arbiter as the drain touches."""

    def __init__(self):
        self.log = logging.getLogger("gunicorn.error")
        self.reexec_pid = 0
        self.master_pid = 0
        self.systemd = False
        self.LISTENERS = []
        self.queued = []

    def signal(self, number, frame):
        self.queued.append(number)

    def handle_term(self):
        raise StopIteration


@pytest.fixture(autouse=True)
def alarm(board, monkeypatch):
    """The board of this test in both modules; no alarm is left behind."""
    monkeypatch.setattr(gunicorn_drain, "board", board)
    monkeypatch.setattr(gunicorn_drain.os, "register_at_fork", lambda **functions: None)
    handler = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, handler)


@pytest.fixture
def server():
    built = Server()
    gunicorn_drain.install_gunicorn_drain(built)
    return built


def test_term__drains_first(server, board):
    board.wait_seconds = 60.0
    server.handle_term()
    assert board.stopping


def test_term__does_not_stop_yet(server, board):
    board.wait_seconds = 60.0
    server.handle_term()
    assert server.queued == []


def test_term__waits_for_the_seconds_that_the_workers_told(server, board):
    board.wait_seconds = 60.0
    server.handle_term()
    assert 59.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60.0


def test_term__is_queued_again_after_the_wait(server, board):
    board.wait_seconds = 0.01
    server.handle_term()
    wait_for(lambda: server.queued)
    assert server.queued == [signal.SIGTERM]


def test_term__second_one_stops(server, board):
    board.wait_seconds = 60.0
    server.handle_term()
    with pytest.raises(StopIteration):
        server.handle_term()


def test_term__zero_seconds_stop_at_once(server, board):
    board.wait_seconds = 0.0
    with pytest.raises(StopIteration):
        server.handle_term()


def test_term__old_master_of_an_upgrade_stops_at_once(server, board):
    board.wait_seconds = 60.0
    server.reexec_pid = 4711
    with pytest.raises(StopIteration):
        server.handle_term()


def test_term__new_master_of_an_upgrade_stops_at_once(server, board):
    board.wait_seconds = 60.0
    server.master_pid = 4711
    with pytest.raises(StopIteration):
        server.handle_term()


def test_term__does_not_wait_twice_after_ops_drain(server, board):
    board.wait_seconds = 5.0
    board.seen_at = time.monotonic() - 6.0
    with pytest.raises(StopIteration):
        server.handle_term()


def test_term__waits_for_what_ops_drain_left(server, board):
    board.wait_seconds = 60.0
    board.seen_at = time.monotonic() - 20.0
    server.handle_term()
    assert 39.0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 40.0


@pytest.fixture
def closed(monkeypatch):
    """What was done to the listeners, in order; what was put off is there as a function, for the test to call."""
    done = []

    class Listeners:
        def __init__(self, listeners):
            done.append(listeners)

        def overlook_new_connections(self):
            done.append("overlook")

        def refuse(self):
            done.append("refuse")

    class Timer:
        def __init__(self, seconds, function):
            assert seconds > 1.0, "a gthread worker looks once a second"
            self.start = partial(done.append, function)

    monkeypatch.setattr(gunicorn_drain, "Listeners", Listeners)
    monkeypatch.setattr(gunicorn_drain, "threading", SimpleNamespace(Timer=Timer))
    return done


def wait_for(is_so):
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def stop(server):
    with pytest.raises(StopIteration):
        server.handle_term()


def test_listeners__are_overlooked_before_the_stop_and_refuse_after_it(server, board, closed):
    board.wait_seconds = 0.0
    stop(server)
    *before, refuse = closed
    assert before == [[], "overlook"]
    refuse()
    assert closed[-1] == "refuse"


def test_listeners__after_the_wait(server, board, closed):
    board.wait_seconds = 0.01
    server.handle_term()
    wait_for(lambda: server.queued)
    stop(server)
    assert closed[:2] == [[], "overlook"]


def test_listeners__are_left_alone_at_the_second_term(server, board, closed):
    board.wait_seconds = 60.0
    server.handle_term()
    stop(server)
    assert closed == []


def test_listeners__of_an_upgrade_are_left_to_the_other_master(server, board, closed):
    server.reexec_pid = 4711
    stop(server)
    assert closed == []


def test_listeners__of_systemd_are_left_to_the_next_server(server, board, closed):
    board.wait_seconds = 0.0
    server.systemd = True
    stop(server)
    assert closed == []


def test_seconds__told_by_the_workers(board):
    board.wait_seconds = 7.0
    assert gunicorn_drain.drain_seconds() == 7.0


def test_seconds__from_the_environment(monkeypatch):
    monkeypatch.setenv("OPS_DRAIN_SECONDS", "7.5")
    assert gunicorn_drain.drain_seconds() == 7.5


def test_seconds__workers_know_better_than_the_environment(board, monkeypatch):
    monkeypatch.setenv("OPS_DRAIN_SECONDS", "7.5")
    board.wait_seconds = 3.0
    assert gunicorn_drain.drain_seconds() == 3.0


@pytest.mark.parametrize("value", ["", "soon", "-1", "nan", "inf"])
def test_seconds__unusable_environment_gives_the_default(monkeypatch, value):
    monkeypatch.setenv("OPS_DRAIN_SECONDS", value)
    assert gunicorn_drain.drain_seconds() == 5.0


def test_worker_ready__tells_the_setting(board, settings):
    settings.OPS_DRAIN_SECONDS = 9
    gunicorn_drain.worker_ready(None)
    assert board.wait_seconds == 9.0


def test_worker_ready__unusable_setting_is_not_told(board, settings):
    settings.OPS_DRAIN_SECONDS = "9"
    gunicorn_drain.worker_ready(None)
    assert board.wait_seconds < 0


@pytest.mark.parametrize(
    ("stopping", "seen_at", "closes"), [(False, 0.0, False), (True, 0.0, True), (False, 12.5, True)]
)
def test_close_connection__while_it_drains(board, stopping, seen_at, closes):
    board.stopping, board.seen_at = stopping, seen_at
    request = SimpleNamespace(must_close=False)
    gunicorn_drain.close_connection(None, request)
    assert request.must_close is closes


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_fork__worker_gets_its_alarm_back():
    signal.signal(signal.SIGALRM, lambda number, frame: None)
    gunicorn_drain._forget_alarm()
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_import__does_not_need_gunicorn():
    import subprocess
    import sys

    code = "import sys; sys.modules['gunicorn'] = None; import django_ops.health.gunicorn_drain"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0
