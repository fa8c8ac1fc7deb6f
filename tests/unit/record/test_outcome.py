import itertools

import pytest

from django_ops.record.outcome import Outcome, classify, event_outcome

USUAL = {"routed": True, "streaming": False, "raised": False, "disconnected": False}


@pytest.mark.parametrize("status", [200, 201, 204, 400, 403, 418, 500, 503])
def test_answer__is_ok(status):
    """Whether it is a good answer, the status tells."""
    assert classify(status, **USUAL) is Outcome.OK


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 308, 399])
def test_3xx__is_a_redirect(status):
    assert classify(status, **USUAL) is Outcome.REDIRECT


def test_404__without_a_route_is_unrouted():
    assert classify(404, **{**USUAL, "routed": False}) is Outcome.UNROUTED


def test_404__of_a_view_is_ok():
    assert classify(404, **USUAL) is Outcome.OK


def test_other_status__without_a_route_is_ok():
    assert classify(200, **{**USUAL, "routed": False}) is Outcome.OK


def test_stream__is_a_stream():
    assert classify(200, **{**USUAL, "streaming": True}) is Outcome.STREAM


def test_client_that_left__outweighs_the_form_of_the_body():
    assert classify(200, **{**USUAL, "streaming": True, "disconnected": True}) is Outcome.DISCONNECT


def test_exception__outweighs_all():
    assert classify(500, routed=False, streaming=True, raised=True, disconnected=True) is Outcome.EXCEPTION


@pytest.mark.parametrize("status", [0, 200, 302, 404, 500, 999])
def test_every_combination__has_an_outcome(status):
    for flags in itertools.product([True, False], repeat=4):
        assert classify(status, **dict(zip(USUAL, flags, strict=True))) in Outcome


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        (Outcome.OK, 200, "success"),
        (Outcome.OK, 404, "success"),
        (Outcome.OK, 500, "failure"),
        (Outcome.OK, 503, "failure"),
        (Outcome.REDIRECT, 302, "success"),
        (Outcome.UNROUTED, 404, "success"),
        (Outcome.EXCEPTION, 500, "failure"),
        (Outcome.EXCEPTION, 200, "failure"),
        (Outcome.STREAM, 200, "success"),
        (Outcome.STREAM, 500, "failure"),
        (Outcome.DISCONNECT, 499, "unknown"),
        (Outcome.CANCELLED, 499, "unknown"),
        (Outcome.CANCELLED, 500, "failure"),
    ],
)
def test_event_outcome__is_one_of_three(outcome, status, expected):
    assert event_outcome(outcome, status) == expected


def test_outcomes__are_seven():
    assert len(Outcome) == 7
