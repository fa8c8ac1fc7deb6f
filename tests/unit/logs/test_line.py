"""Records become documents with the names of the table; no settings are needed for it."""

import pytest

from django_ops.logs.line import Source, log_line, request_line, task_line, timestamp
from django_ops.record.outcome import Outcome
from django_ops.record.redaction import MASK
from django_ops.record.task import TaskOutcome
from tests.unit.logs.examples import IDENTITY, ORIGIN, REQUEST, TASK

WHEN = 1_795_251_600.125


def request(**changes):
    return request_line(REQUEST._replace(**changes), ORIGIN, WHEN, "info", "django_ops.request")


def task(**changes):
    return task_line(TASK._replace(**changes), ORIGIN, WHEN, "info", "django_ops.task")


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_251_600.0, "2026-11-21T09:00:00.000Z"),
        (1_795_251_600.9999, "2026-11-21T09:00:00.999Z"),
        (1_709_208_000.5, "2024-02-29T12:00:00.500Z"),
        (253_402_300_799.0, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_timestamp__utc_with_milliseconds(when, text):
    assert timestamp(when) == text


def test_timestamp__clock_that_jumps():
    assert [timestamp(when) for when in (10.0, 9.0, 10.0)] == [
        "1970-01-01T00:00:10.000Z",
        "1970-01-01T00:00:09.000Z",
        "1970-01-01T00:00:10.000Z",
    ]


@pytest.mark.parametrize("when", [float("nan"), float("inf"), 1e300, 253_402_300_800.0, -1e12, -65_320_000_000.0])
def test_timestamp__no_such_time(when):
    with pytest.raises((ValueError, OverflowError, OSError)):
        timestamp(when)


def test_request_line__whole():
    assert request() == {
        "@timestamp": "2026-11-21T09:00:00.125Z",
        "log.level": "info",
        "message": "GET /orders/17 200 18ms",
        "ecs.version": "8.11",
        "log.logger": "django_ops.request",
        "service": {"name": "shop", "version": "1.4.2", "environment": "test"},
        "event": {"dataset": "django.request", "duration": 18_230_000, "outcome": "success"},
        "http": {
            "request": {"method": "GET", "id": "req-1", "body": {"bytes": 0}},
            "response": {"status_code": 200, "body": {"bytes": 512}},
            "route": "orders/<int:pk>",
        },
        "url": {"path": "/orders/17", "scheme": "https"},
        "trace": {"id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "span": {"id": "00f067aa0ba902b7"},
        "process": {"pid": 4711},
        "django": {
            "process": {"slot": "0"},
            "outcome": "ok",
            "db": {"count": 4, "duration": 6_100_000},
            "view": "orders:detail",
        },
        "client": {"address": "203.0.113.9"},
        "user_agent": {"original": "curl/8.5.0"},
    }


def test_request_line__begins_as_ecs_logging_says():
    assert list(request())[:4] == ["@timestamp", "log.level", "message", "ecs.version"]


@pytest.mark.parametrize(
    ("change", "parent", "key"),
    [
        ({"route": None}, "http", "route"),
        ({"view": ""}, "django", "view"),
        ({"query": ""}, "url", "query"),
        ({"queue_ns": None}, "django", "queue_duration"),
        ({"streaming": False}, "django", "first_byte_duration"),
    ],
)
def test_request_line__leaves_out_what_is_not_known(change, parent, key):
    assert key not in request(**change)[parent]


@pytest.mark.parametrize(
    ("change", "key"),
    [({"client_address": ""}, "client"), ({"user_agent": ""}, "user_agent"), ({"user_id": None}, "user")],
)
def test_request_line__leaves_out_whom_it_does_not_know(change, key):
    assert key not in request(**change)


def test_request_line__user():
    assert request(user_id="42")["user"] == {"id": "42"}


def test_request_line__queue():
    assert request(queue_ns=5)["django"]["queue_duration"] == 5


def test_request_line__stream():
    assert request(streaming=True)["django"]["first_byte_duration"] == 2_500_000


def test_request_line__secret_in_the_path():
    line = request(path="/x/AKIA" + "IOSFODNN7EXAMPLE")
    assert (line["url"]["path"], line["message"]) == (f"/x/{MASK}", f"GET /x/{MASK} 200 18ms")


def test_request_line__secret_in_the_user_agent():
    assert request(user_agent="x token=abc")["user_agent"]["original"] == f"x token={MASK}"


def test_request_line__secret_in_the_query():
    assert request(query="token=abc")["url"]["query"] == f"token={MASK}"


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        (Outcome.OK, 200, "success"),
        (Outcome.REDIRECT, 302, "success"),
        (Outcome.UNROUTED, 404, "success"),
        (Outcome.EXCEPTION, 500, "failure"),
        (Outcome.OK, 503, "failure"),
        (Outcome.STREAM, 200, "success"),
        (Outcome.DISCONNECT, 499, "unknown"),
        (Outcome.CANCELLED, 499, "unknown"),
    ],
)
def test_request_line__outcome(outcome, status, expected):
    line = request(outcome=outcome, status=status)
    assert (line["event"]["outcome"], line["django"]["outcome"]) == (expected, outcome.value)


def test_request_line__message_of_a_filter():
    assert request_line(REQUEST, ORIGIN, WHEN, "info", "x", "mine")["message"] == "mine"


def test_task_line__whole():
    assert task() == {
        "@timestamp": "2026-11-21T09:00:00.125Z",
        "log.level": "info",
        "message": "task orders.tasks.send_invoice success 18ms",
        "ecs.version": "8.11",
        "log.logger": "django_ops.task",
        "service": {"name": "shop", "version": "1.4.2", "environment": "test"},
        "event": {"dataset": "django.task", "duration": 18_230_000, "outcome": "success"},
        "http": {"request": {"id": "req-1"}},
        "trace": {"id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "span": {"id": "00f067aa0ba902b7"},
        "process": {"pid": 4711},
        "django": {
            "process": {"slot": "0"},
            "task": {
                "id": "b8d9d2a4",
                "name": "orders.tasks.send_invoice",
                "attempt": 0,
                "outcome": "success",
                "queue": "celery",
            },
            "db": {"count": 4, "duration": 6_100_000},
            "queue_duration": 1_200_000,
        },
    }


def test_task_line__unknown_queue():
    line = task(queue="", queue_ns=None)
    assert "queue" not in line["django"]["task"]
    assert "queue_duration" not in line["django"]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (TaskOutcome.SUCCESS, "success"),
        (TaskOutcome.FAILURE, "failure"),
        (TaskOutcome.RETRY, "unknown"),
        (TaskOutcome.REVOKED, "unknown"),
        (TaskOutcome.REJECTED, "unknown"),
    ],
)
def test_task_line__outcome(outcome, expected):
    assert task(outcome=outcome)["event"]["outcome"] == expected


def test_log_line__outside_of_a_request():
    line = log_line("hello", ORIGIN, WHEN, "info", "shop", Source("views.py", 42, "detail"), None)
    assert line["log.origin"] == {"file": {"name": "views.py", "line": 42}, "function": "detail"}
    assert not {"http", "trace", "span"} & set(line)


def test_log_line__within_a_request():
    line = log_line("hello", ORIGIN, WHEN, "info", "shop", Source("views.py", 42, "detail"), IDENTITY)
    assert (line["http"]["request"]["id"], line["trace"]["id"], line["span"]["id"]) == IDENTITY
