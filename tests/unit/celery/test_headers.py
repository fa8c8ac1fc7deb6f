"""What messages say of their publishers, and what is believed of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.celery import headers
from django_ops.record.identity import Identity

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
IDENTITY = Identity("order-4711", TRACE_ID, "00f067aa0ba902b7")


def written(**present: Any) -> dict[str, Any]:
    headers.write(present, IDENTITY, 1000.5)
    return present


def test_write__tells_the_request_id() -> None:
    assert written()["x-request-id"] == "order-4711"


def test_write__makes_the_publisher_the_parent() -> None:
    assert written()["traceparent"] == f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def test_write__tells_when() -> None:
    assert written()["x-published-at"] == 1000.5


def test_write__keeps_ids_that_are_there() -> None:
    present = {"x-request-id": "chosen", "traceparent": "theirs"}
    assert {name: written(**present)[name] for name in present} == present


def test_write__counts_a_retry_from_its_own_publishing() -> None:
    assert written(**{"x-published-at": 1.0})["x-published-at"] == 1000.5


def test_read_identity__continues_request_and_trace() -> None:
    assert headers.read_identity(written())[:2] == ("order-4711", TRACE_ID)


def test_read_identity__makes_a_span_each_time() -> None:
    spans = {headers.read_identity(written()).span_id for _ in range(2)} | {IDENTITY.span_id}
    assert len(spans) == 3


def test_read_identity__of_a_trace_alone_has_a_request_id_of_its_own() -> None:
    identity = headers.read_identity({"traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"})
    assert identity.trace_id == TRACE_ID != identity.request_id


def test_read_identity__of_a_request_id_alone_keeps_it() -> None:
    assert headers.read_identity({"x-request-id": "order-4711"}).request_id == "order-4711"


def test_read_identity__of_a_forged_request_id_takes_the_trace_alone() -> None:
    identity = headers.read_identity({"x-request-id": "a\nb", "traceparent": f"00-{TRACE_ID}-00f067aa0ba902b7-01"})
    assert identity.trace_id == TRACE_ID
    assert identity.request_id not in ("a\nb", TRACE_ID)


def test_read_identity__of_nothing_is_new_each_time() -> None:
    assert headers.read_identity({}) != headers.read_identity({})


HOSTILE = st.none() | st.booleans() | st.floats() | st.text() | st.binary() | st.lists(st.text()) | st.integers()


@given(st.dictionaries(st.sampled_from(["x-request-id", "traceparent", "x-published-at"]), HOSTILE))
def test_read_identity__is_well_formed_whatever_a_message_says(message: dict[str, Any]) -> None:
    identity = headers.read_identity(message)
    assert (len(identity.trace_id), len(identity.span_id), identity.request_id.isprintable()) == (32, 16, True)


@given(HOSTILE)
def test_read_queue_ns__is_never_negative_whatever_a_message_says(published_at: Any) -> None:
    waited = headers.read_queue_ns({"x-published-at": published_at}, None, 1_800_000_000.0)
    assert waited is None or waited >= 0


def test_read_queue_ns__is_the_time_since_publishing() -> None:
    assert headers.read_queue_ns(written(), None, 1002.0) == 1_500_000_000


def test_read_queue_ns__counts_from_an_eta() -> None:
    assert headers.read_queue_ns(written(), datetime.fromtimestamp(1001.5, UTC), 1002.0) == 500_000_000


def test_read_queue_ns__counts_from_publishing_when_the_eta_was_over() -> None:
    assert headers.read_queue_ns(written(), datetime.fromtimestamp(10.0, UTC), 1002.0) == 1_500_000_000


def test_read_queue_ns__of_a_clock_that_is_ahead_is_zero() -> None:
    assert headers.read_queue_ns(written(), None, 999.0) == 0


@pytest.mark.parametrize("published_at", [None, "1000", float("nan"), float("inf"), True, [], 0, -5, 10**400])
def test_read_queue_ns__of_what_is_no_time_is_unknown(published_at: Any) -> None:
    assert headers.read_queue_ns({"x-published-at": published_at}, None, 1_800_000_000.0) is None
