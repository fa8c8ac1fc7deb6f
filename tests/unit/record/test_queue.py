import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.record.queue import queue_ns

NOW = 1_700_000_000.5


@pytest.mark.parametrize(
    "header",
    [
        "t=1700000000.250",  # nginx: t=${msec}
        "1700000000.250",
        "t=1700000000250",  # Heroku, milliseconds
        "1700000000250",
        "t=1700000000250000",  # Apache: t=%t, microseconds
        " t=1700000000.250 ",
    ],
)
def test_queue__is_the_time_since_the_proxy(header):
    assert queue_ns(header, NOW) == pytest.approx(250_000_000, abs=1000)


def test_queue__of_a_clock_that_is_ahead_is_0():
    assert queue_ns("t=1700000030", NOW) == 0


@pytest.mark.parametrize(
    "header",
    ["", "t=", "now", "t=t=1700000000", "nan", "inf", "-inf", "1e400", "0", "-1700000000", "1" * 25, "1" * 100_000,
     "t=1699990000", "t=1700009999", "1700000000,1700000000", "0x10", "\x00"],
)  # fmt: skip
def test_queue__of_what_is_no_time_or_far_away_is_unknown(header):
    assert queue_ns(header, NOW) is None


@given(st.text())
def test_queue__of_any_text_is_a_time_within_an_hour_or_unknown(header):
    waited = queue_ns(header, NOW)
    assert waited is None or 0 <= waited <= 3600 * 10**9


@given(st.floats(0, 3599), st.sampled_from([1, 1000, 1_000_000]))
def test_queue__of_each_unit_is_found(seconds, unit):
    waited = queue_ns(f"t={(NOW - seconds) * unit:.6f}"[:26], NOW)
    assert waited == pytest.approx(seconds * 1e9, abs=10_000)
