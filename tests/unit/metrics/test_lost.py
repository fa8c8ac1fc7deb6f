import io
import sys

import pytest

from django_ops.metrics import lost
from django_ops.metrics.lost import record_lost
from tests.unit.metrics.observed import value


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The monotonic clock, as a list of one number; nobody has complained yet."""
    now = [1000.0]
    monkeypatch.setattr(lost, "_complained_at", float("-inf"))
    monkeypatch.setattr(lost.time, "monotonic", lambda: now[0])
    return now


def test_lost_record__is_counted_by_sink():
    record_lost("logs", ValueError())
    record_lost("logs", ValueError())
    assert value("django_ops_records_lost_total", sink="logs") == 2.0


def test_lost_record__is_told_on_stderr(capsys):
    record_lost("logs", ValueError("broken"))
    assert capsys.readouterr().err == "django-ops: a record was lost in logs: ValueError('broken')\n"


def test_lost_records__are_told_once_a_minute(capsys, clock):
    for clock[0] in (1000.0, 1001.0, 1059.9, 1060.0, 1061.0):
        record_lost("logs", ValueError())
    assert capsys.readouterr().err.count("a record was lost") == 2


def test_lost_record__that_cannot_be_counted_raises_nothing(monkeypatch, capsys):
    def fail(sink):
        raise RuntimeError("not even that")

    monkeypatch.setattr(lost.RECORDS_LOST, "inc", fail)
    record_lost("logs", ValueError())
    assert "not even that" in capsys.readouterr().err


def test_lost_record__without_stderr_raises_nothing(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    record_lost("logs", ValueError())
