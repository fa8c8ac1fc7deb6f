"""Checks, results and reports: what each says."""

import pytest

from django_ops.health.check import Check, Report, Result, Status, summarize


def result(name="a", critical=True, error=None):
    return Result(name, critical, 0.0, error)


class BombError(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def test_check__is_callable():
    assert Check("a", lambda: 7)() == 7


def test_check__is_critical_by_default():
    assert Check("a", print).critical


def test_report__without_checks_is_ok():
    assert Report(()).status is Status.OK


def test_report__all_well():
    assert Report((result("a"), result("b"))).status is Status.OK


def test_report__critical_failure():
    assert Report((result("a"), result("b", error=OSError()))).status is Status.FAILED


def test_report__other_failure():
    assert Report((result("a"), result("b", critical=False, error=OSError()))).status is Status.DEGRADED


def test_report__both_failures():
    failures = (result("a", critical=False, error=OSError()), result("b", error=OSError()))
    assert Report(failures).status is Status.FAILED


def test_report__failures_in_order():
    failing = [result("b", error=OSError()), result("c", critical=False, error=OSError())]
    assert Report((result("a"), *failing)).failures == failing


@pytest.mark.parametrize(
    ("status", "expected"), [(Status.OK, 200), (Status.DEGRADED, 200), (Status.FAILED, 503), (Status.DRAINING, 503)]
)
def test_status__http(status, expected):
    assert status.http_status == expected


def test_result__without_error_has_no_summary():
    assert result().summary == ""


def test_summarize__class_and_first_line():
    assert summarize(OSError("refused\n\tIs the server running?")) == "OSError: refused"


def test_summarize__error_without_text():
    assert summarize(TimeoutError()) == "TimeoutError"


def test_summarize__error_whose_text_raises():
    assert summarize(BombError()) == "BombError"


def test_summarize__is_bounded():
    assert len(summarize(OSError("x" * 10_000))) == 300


def test_summarize__masks_secrets():
    assert "hunter2" not in summarize(OSError("cannot connect to redis://app:hunter2@cache:6379/0"))
