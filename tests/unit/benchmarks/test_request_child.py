"""The measured site itself: every variant whose packages the tests have serves what it is asked, and logs it."""

import sys
from pathlib import Path

import pytest

from benchmarks import variants
from benchmarks.child import Child
from benchmarks.environment import ROOT
from benchmarks.request_child import take_lines


@pytest.mark.parametrize(
    ("interface", "view", "pipe"),
    [("wsgi", "sync", False), ("wsgi", "stored", False), ("asgi", "async", False), ("wsgi", "sync", True)],
)
@pytest.mark.parametrize("variant", [variants.NOTHING, variants.PROMETHEUS, variants.OURS, variants.FLOOR])
def test_round__serves_and_logs_each_request(tmp_path, variant, interface, view, pipe):
    configuration = {"variant": variant, "interface": interface, "view": view, "pipe": pipe}
    python = Path(sys.executable)
    # the child asserts that each request is answered, and that it wrote its lines
    with Child(python, "benchmarks.request_child", configuration, tmp_path, {"PYTHONPATH": str(ROOT)}) as child:
        child.answer(30)
        assert child.ask(do="round", count=3)["wall_us"] > 0


def test_take_lines__counts_and_empties(tmp_path):
    (tmp_path / "a.log").write_text("one\ntwo\n")
    assert [take_lines(tmp_path, 2), take_lines(tmp_path, 0)] == [2, 0]
