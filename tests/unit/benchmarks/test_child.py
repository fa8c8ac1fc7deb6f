"""Driving a process: questions, answers, and what goes wrong."""

import sys
from pathlib import Path

import pytest

from benchmarks.child import Child, ChildError
from benchmarks.environment import ROOT


@pytest.fixture
def echo(tmp_path):
    with Child(Path(sys.executable), "tests.unit.benchmarks.echo", {}, tmp_path, {"PYTHONPATH": str(ROOT)}) as child:
        assert child.answer(30) == {"hello": True}
        yield child


def test_ask__gets_the_answer(echo):
    assert echo.ask(do="say", text="ñandú") == {"said": "ñandú"}


def test_ask__what_a_library_prints_is_no_answer(echo):
    echo.ask(do="say", text="one")
    assert echo.ask(do="say", text="two") == {"said": "two"}


def test_ask__a_child_that_ended_is_an_error_with_its_last_words(echo):
    with pytest.raises(ChildError, match="for a reason"):
        echo.ask(do="end")


def test_ask__a_child_that_hangs_is_an_error(echo):
    with pytest.raises(ChildError, match=r"no answer in 0\.2 s"):
        echo.ask(do="sleep", timeout_seconds=0.2)
    echo._process.kill()


def test_exit__ends_the_process(tmp_path):
    with Child(Path(sys.executable), "tests.unit.benchmarks.echo", {}, tmp_path, {"PYTHONPATH": str(ROOT)}) as child:
        child.answer(30)
    assert child._process.returncode == 0
