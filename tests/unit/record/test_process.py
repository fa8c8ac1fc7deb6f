import builtins
import math
import os
import subprocess
import sys
from itertools import product

import pytest

from django_ops.record import process
from django_ops.record.process import is_alive, started_ticks
from tests.each import each


@pytest.fixture
def child():
    """A process that waits for its standard input to be closed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        yield child


def test_this_process__is_alive():
    assert is_alive(os.getpid(), started_ticks(os.getpid()))


def test_process__that_was_killed_is_not_alive(child):
    started = started_ticks(child.pid)
    child.kill()
    child.wait(10)
    assert not is_alive(child.pid, started)


def test_process__that_nobody_has_buried_is_not_alive(child):
    started = started_ticks(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(child.pid, started)


def test_process_id__that_was_given_to_another_is_not_alive():
    assert not is_alive(os.getpid(), started_ticks(os.getpid()) - 1)


def test_process__that_never_was_has_not_started():
    assert started_ticks(process._HIGHEST_PID - 1) == -1.0


NO_PROCESSES = [0.0, -1.0, 1.5, math.nan, math.inf, -math.inf, 1e300, float(process._HIGHEST_PID)]


@each("pid, started", product(NO_PROCESSES, [-1.0, 0.0, math.nan]))
def test_numbers__that_are_no_process_are_not_alive(pid, started):
    assert not is_alive(pid, started)


@pytest.fixture
def no_proc(monkeypatch):
    """A kernel that does not tell."""

    def refuse(*arguments, **options):
        raise FileNotFoundError

    monkeypatch.setattr(builtins, "open", refuse)


def test_started_ticks__without_proc_are_0(no_proc):
    assert started_ticks(os.getpid()) == 0.0


def test_started_ticks__without_proc_of_no_process_are_below_0(no_proc):
    assert started_ticks(process._HIGHEST_PID - 1) == -1.0


def test_process_of_another_user__without_proc_is_alive(no_proc, monkeypatch):
    def refuse(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert is_alive(1, 0.0)
