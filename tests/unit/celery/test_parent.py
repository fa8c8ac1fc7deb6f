"""Runs of which the worker's own process tells, by the signals that Celery sends it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import Celery, signals
from celery.app.task import Context as TaskContext

from django_ops.celery import parent, runs
from django_ops.celery.headers import write
from django_ops.record.task import TaskOutcome, TaskRecord
from tests.unit.celery.conftest import IDENTITY, run, task_of

LOST = WorkerLostError("gone")


class Request:
    """What a worker knows of a message, as far as we look at it."""

    def __init__(self, task_id: str, seconds_ago: float | None = 2.0, **more: Any) -> None:
        self.id = task_id
        self.time_start = None if seconds_ago is None else time.time() - seconds_ago
        headers: dict[str, Any] = {}
        write(headers, IDENTITY, time.time() - 3)
        self._context = TaskContext(
            {"id": task_id, "delivery_info": {"exchange": "", "routing_key": "unit"}, **headers, **more}
        )


@pytest.fixture
def task(app: Celery) -> Any:
    return task_of(app, lambda: None)


@pytest.fixture
def request_() -> Request:
    """A message that the worker has received, and whose task it has begun."""
    request = Request("task-1")
    signals.task_received.send(sender=None, request=request)
    return request


def lose(task: Any, error: Exception = LOST, task_id: str = "task-1") -> None:
    signals.task_failure.send(sender=task, task_id=task_id, exception=error, args=(), kwargs={})


def outcomes(told: list[TaskRecord]) -> list[TaskOutcome]:
    return [record.outcome for record in told]


def test_lost_process__is_a_failure(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    lose(task)
    assert [(record.outcome, record.error) for record in told] == [(TaskOutcome.FAILURE, LOST)]


def test_lost_process__has_the_ids_of_the_message(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    lose(task)
    assert told[0].identity[:2] == IDENTITY[:2]


def test_lost_process__has_name_id_and_queue(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    lose(task)
    assert (told[0].name, told[0].task_id, told[0].queue) == ("unit.task", "task-1", "unit")


def test_lost_process__lasted_since_it_was_begun(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    lose(task)
    assert 2.0 <= told[0].duration_ns / 1e9 < 10.0


def test_lost_process__waited_until_it_was_begun(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    lose(task)
    assert 0.9 <= (told[0].queue_ns or 0) / 1e9 < 1.1


def test_hard_time_limit__that_is_signalled_twice_is_told_once(
    task: Any, request_: Request, told: list[TaskRecord]
) -> None:
    lose(task, TimeLimitExceeded(1))
    lose(task, TimeLimitExceeded(1))
    assert outcomes(told) == [TaskOutcome.FAILURE]


def test_failure__that_the_child_tells_itself_is_not_told_again(
    task: Any, request_: Request, told: list[TaskRecord]
) -> None:
    lose(task, ValueError("told by the child"))
    assert told == []


def test_lost_process__of_a_message_that_is_done_is_not_told(
    task: Any, request_: Request, told: list[TaskRecord]
) -> None:
    run(task)
    lose(task)
    assert outcomes(told) == [TaskOutcome.SUCCESS]


def test_received__does_not_keep_a_message_alive(task: Any, told: list[TaskRecord]) -> None:
    signals.task_received.send(sender=None, request=Request("task-2"))
    lose(task, task_id="task-2")
    assert told == []


def test_revoked__while_it_waits_has_no_duration(task: Any, told: list[TaskRecord]) -> None:
    request = Request("task-1", seconds_ago=None)
    signals.task_received.send(sender=None, request=request)
    signals.task_revoked.send(sender=task, request=request._context, terminated=False, signum=None, expired=False)
    assert [(record.outcome, record.duration_ns) for record in told] == [(TaskOutcome.REVOKED, 0)]


def test_revoked__before_it_was_received_is_told(task: Any, told: list[TaskRecord]) -> None:
    context = Request("task-3")._context
    signals.task_revoked.send(sender=task, request=context, terminated=False, signum=None, expired=True)
    assert [(record.outcome, record.task_id) for record in told] == [(TaskOutcome.REVOKED, "task-3")]


def test_revoked__and_then_lost_is_told_once(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    signals.task_revoked.send(sender=task, request=request_._context, terminated=True, signum=15, expired=False)
    lose(task)
    assert outcomes(told) == [TaskOutcome.REVOKED]


def test_retry__by_the_worker_is_told(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    signals.task_retry.send(sender=task, request=request_._context, reason=SimpleNamespace(exc=LOST), einfo=None)
    assert [(record.outcome, record.error) for record in told] == [(TaskOutcome.RETRY, LOST)]


def test_retry__of_a_cancelled_task_has_no_error(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    signals.task_retry.send(sender=task, request=request_._context, einfo=None)
    assert [(record.outcome, record.error) for record in told] == [(TaskOutcome.RETRY, None)]


def message(**headers: Any) -> Any:
    return SimpleNamespace(headers=headers, delivery_info={"exchange": "", "routing_key": "unit"})


def test_unknown__is_rejected_under_its_name(told: list[TaskRecord]) -> None:
    signals.task_unknown.send(sender=None, message=message(task="a.b", id="1"), exc=KeyError("a.b"), name="a.b", id="1")
    assert [(record.outcome, record.name, record.queue) for record in told] == [(TaskOutcome.REJECTED, "a.b", "unit")]


def test_unknown__has_the_ids_of_its_message(told: list[TaskRecord]) -> None:
    headers: dict[str, Any] = {}
    write(headers, IDENTITY, time.time())
    signals.task_unknown.send(sender=None, message=message(**headers), exc=KeyError("a.b"), name="a.b", id="1")
    assert told[0].identity[:2] == IDENTITY[:2]


def test_unknown__is_counted_under_one_name(told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[TaskRecord] = []
    monkeypatch.setattr(runs.observe, "observe_task", counted.append)
    signals.task_unknown.send(sender=None, message=message(), exc=KeyError("a.b"), name="a.b", id="1")
    assert [record.name for record in counted] == [runs.UNREGISTERED]


@pytest.mark.parametrize("headers", [None, "text", [1]])
def test_unknown__of_a_message_with_forged_headers_is_told(told: list[TaskRecord], headers: Any) -> None:
    forged = SimpleNamespace(headers=headers, delivery_info=None)
    signals.task_unknown.send(sender=None, message=forged, exc=KeyError("a"), name=["a"] * 1000, id={"b": 1})
    assert [(record.outcome, len(record.name)) for record in told] == [(TaskOutcome.REJECTED, 256)]


def test_invalid__is_rejected(told: list[TaskRecord]) -> None:
    error = ValueError("no arguments")
    signals.task_rejected.send(sender=None, message=message(task="unit.task", id="1"), exc=error)
    assert [(record.outcome, record.name, record.error) for record in told] == [
        (TaskOutcome.REJECTED, "unit.task", error)
    ]


def test_message__that_is_no_task_is_no_run(told: list[TaskRecord]) -> None:
    signals.task_rejected.send(sender=None, message=message(), exc=None)
    assert told == []


def test_has_told__knows_the_last_error(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    lose(task)
    assert (parent.has_told(LOST), parent.has_told(WorkerLostError("gone"))) == (True, False)


def test_has_told__knows_a_run_that_was_broken_off_in_this_process(app: Celery, told: list[TaskRecord]) -> None:
    def give_up() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        run(task_of(app, give_up), task_id="task-8")
    assert (parent.has_told("task-8"), len(told)) == (True, 1)


def test_has_told__knows_no_run_that_ended_by_itself(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), task_id="task-9")
    assert not parent.has_told("task-9")


def test_has_told__knows_ids(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    lose(task)
    assert (parent.has_told("task-1"), parent.has_told("task-0")) == (True, False)


def test_has_told__knows_no_error_that_was_none(task: Any, request_: Request, told: list[TaskRecord]) -> None:
    signals.task_retry.send(sender=task, request=request_._context, einfo=None)
    assert not parent.has_told(None)
