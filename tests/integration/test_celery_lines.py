"""Every run of a task gives one line, however it ends."""

from __future__ import annotations

import re
import time
import uuid
from types import SimpleNamespace

import pytest
from celery import Celery
from pytest_django import Settings

from django_ops.celery import publisher
from tests.integration.celery_shop import (
    REQUEST_ID,
    publish,
    publish_as_a_stranger,
    queue_wait,
    settle,
    within_request,
)
from tests.integration.workers import TOKEN, Worker


def test_success__gives_one_line_and_no_other(shop: Celery, worker: Worker) -> None:
    task_id = publish(shop, worker, "query", 1)
    worker.task_lines(task_id)
    settle(shop, worker)
    assert len(worker.lines_with(task_id)) == 1


def test_task_line__names_task_queue_and_attempt(shop: Celery, worker: Worker) -> None:
    task_id = publish(shop, worker, "query", 1)
    (line,) = worker.task_lines(task_id)
    assert line["django"]["task"] == {
        "id": task_id, "name": "shop.query", "queue": worker.queue, "attempt": 0, "outcome": "success",
    }  # fmt: skip


def test_task_line__has_the_duration(shop: Celery, worker: Worker) -> None:
    (line,) = worker.task_lines(publish(shop, worker, "rest", 0.2))
    assert 0.2e9 <= line["event"]["duration"] < 10e9


def test_task_line__counts_the_queries(shop: Celery, worker: Worker) -> None:
    (line,) = worker.task_lines(publish(shop, worker, "query", 3))
    assert line["django"]["db"]["count"] == 3


def test_queue_wait__is_the_time_behind_another_task(shop: Celery, solo: Worker) -> None:
    publish(shop, solo, "rest", 3.0)
    (line,) = solo.task_lines(publish(shop, solo, "greet", "you"))
    assert 0.3e9 <= queue_wait(line) < 10e9


def test_queue_wait__of_an_idle_worker_is_short(shop: Celery, prefork: Worker) -> None:
    settle(shop, prefork)
    (line,) = prefork.task_lines(publish(shop, prefork, "greet", "you"))
    assert 0 <= queue_wait(line) < 5e9


def test_queue_wait__counts_from_the_eta(shop: Celery, prefork: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(shop, prefork)
    a_while_ago = time.time() - 1000
    monkeypatch.setattr(publisher, "time", SimpleNamespace(time=lambda: a_while_ago))
    (line,) = prefork.task_lines(publish(shop, prefork, "greet", "you", countdown=0.5))
    assert 0 <= queue_wait(line) < 100e9


def test_queue_wait__is_left_out_when_the_publisher_did_not_say(shop: Celery, prefork: Worker) -> None:
    (line,) = prefork.task_lines(publish_as_a_stranger(prefork, "shop.greet"))
    assert queue_wait(line) is None


def test_failure__gives_one_line_and_no_other(shop: Celery, worker: Worker) -> None:
    text = f"broke {uuid.uuid4().hex}"
    task_id = publish(shop, worker, "fail", text)
    worker.task_lines(task_id)
    settle(shop, worker)
    assert [line["event"]["dataset"] for line in worker.lines_with(text)] == ["django.task"]


def test_failure__tells_the_exception_once(shop: Celery, worker: Worker) -> None:
    (line,) = worker.task_lines(publish(shop, worker, "fail", "broke"))
    assert (line["error"]["type"], line["error"]["message"]) == ("ValueError", "broke")


def test_failure__has_the_place_in_its_stack_trace(shop: Celery, worker: Worker) -> None:
    (line,) = worker.task_lines(publish(shop, worker, "fail", "broke"))
    assert "in fail" in line["error"]["stack_trace"]


def test_failure__is_at_error_with_the_outcome(shop: Celery, worker: Worker) -> None:
    (line,) = worker.task_lines(publish(shop, worker, "fail", "broke"))
    assert (line["log.level"], line["event"]["outcome"]) == ("error", "failure")


def test_retry__gives_a_line_per_run(shop: Celery, worker: Worker) -> None:
    lines = worker.task_lines(publish(shop, worker, "retry_once"), count=2)
    told = sorted((line["django"]["task"]["attempt"], line["django"]["task"]["outcome"]) for line in lines)
    assert told == [(0, "retry"), (1, "success")]


def test_retry__keeps_the_request_id_and_the_trace(shop: Celery, worker: Worker, settings: Settings) -> None:
    task_id = str(uuid.uuid4())
    within_request(
        settings, lambda: publish(shop, worker, "retry_once", task_id=task_id), **{"X-Request-ID": REQUEST_ID}
    )
    first, second = worker.task_lines(task_id, count=2)
    assert (first["http"]["request"]["id"], first["trace"]) == (REQUEST_ID, second["trace"])


def test_retry__has_a_new_span(shop: Celery, worker: Worker) -> None:
    first, second = worker.task_lines(publish(shop, worker, "retry_once"), count=2)
    assert first["span"] != second["span"]


def test_retry__tells_why_once(shop: Celery, worker: Worker) -> None:
    reason = f"not yet {uuid.uuid4().hex}"
    worker.task_lines(publish(shop, worker, "retry_once", reason), count=2)
    settle(shop, worker)
    assert [line["django"]["task"]["outcome"] for line in worker.lines_with(reason)] == ["retry"]


def test_reject__gives_one_line(shop: Celery, worker: Worker) -> None:
    task_id = publish(shop, worker, "reject")
    worker.task_lines(task_id)
    settle(shop, worker)
    assert [line["django"]["task"]["outcome"] for line in worker.lines_with(task_id)] == ["rejected"]


def test_ignore__is_a_success(shop: Celery, worker: Worker) -> None:
    (line,) = worker.task_lines(publish(shop, worker, "ignore"))
    assert line["django"]["task"]["outcome"] == "success"


def test_revoked_before_it_began__gives_one_line(shop: Celery, worker: Worker) -> None:
    task_id = str(uuid.uuid4())
    shop.control.revoke(task_id, reply=True, timeout=5, destination=[f"{worker.queue}@test"])
    publish(shop, worker, "greet", "nobody", task_id=task_id)
    worker.task_lines(task_id)
    settle(shop, worker)
    revoked = [line for line in worker.lines_with(task_id) if line["log.logger"] != "celery.worker.control"]
    assert [line["django"]["task"]["outcome"] for line in revoked] == ["revoked"]


def test_revoked_while_it_runs__gives_one_line(shop: Celery, prefork: Worker) -> None:
    task_id = publish(shop, prefork, "rest", 30)
    prefork.wait(lambda: prefork.sample("django_ops_celery_tasks_in_progress") == 1, "the task runs")
    shop.control.revoke(task_id, terminate=True, destination=["prefork@test"])
    prefork.task_lines(task_id)
    settle(shop, prefork)
    assert [line["django"]["task"]["outcome"] for line in prefork.task_lines(task_id)] == ["revoked"]


def test_expired__gives_one_line(shop: Celery, solo: Worker) -> None:
    task_id = publish(shop, solo, "greet", "late", expires=-1)
    (line,) = solo.task_lines(task_id)
    assert line["django"]["task"]["outcome"] == "revoked"


KILLS = {
    "exceed_hard_limit": "billiard.exceptions.TimeLimitExceeded",
    "be_killed": "billiard.exceptions.WorkerLostError",
    "exit": "billiard.exceptions.WorkerLostError",
}


@pytest.mark.parametrize("name", KILLS)
def test_killed__gives_one_line_that_says_of_what_and_for_whom(
    name: str, shop: Celery, prefork: Worker, settings: Settings
) -> None:
    """A failure of the request that published it, which leaves no task in progress."""
    task_id = str(uuid.uuid4())
    within_request(settings, lambda: publish(shop, prefork, name, task_id=task_id), **{"X-Request-ID": REQUEST_ID})
    prefork.task_lines(task_id)
    settle(shop, prefork)
    (line,) = prefork.lines_with(task_id)
    assert (line["django"]["task"]["outcome"], line["error"]["type"]) == ("failure", KILLS[name])
    assert line["http"]["request"]["id"] == REQUEST_ID
    assert prefork.sample("django_ops_celery_tasks_in_progress") == 0
    if name == "exceed_hard_limit":
        assert 0.9e9 <= line["event"]["duration"] < 20e9


def test_pool__says_in_a_line_that_a_process_was_lost(shop: Celery, prefork: Worker) -> None:
    prefork.task_lines(publish(shop, prefork, "be_killed"))
    prefork.wait(lambda: prefork.lines_with("SIGKILL) Job") != [], "the loss is told")
    assert any(re.match("Process 'ForkPoolWorker-.*SIGKILL", line["message"]) for line in prefork.lines())


def test_soft_limit__gives_one_task_line(shop: Celery, prefork: Worker) -> None:
    task_id = publish(shop, prefork, "exceed_soft_limit")
    prefork.task_lines(task_id)
    settle(shop, prefork)
    (line,) = prefork.task_lines(task_id)
    assert line["error"]["type"] == "billiard.exceptions.SoftTimeLimitExceeded"


def test_unregistered_task__gives_one_line_without_its_arguments_and_no_label(shop: Celery, worker: Worker) -> None:
    name, secret = f"shop.{uuid.uuid4().hex}", uuid.uuid4().hex
    task_id = publish_as_a_stranger(worker, name, secret)
    worker.task_lines(task_id)
    settle(shop, worker)
    (line,) = worker.lines_with(task_id)
    assert (line["django"]["task"]["name"], line["django"]["task"]["outcome"]) == (name, "rejected")
    assert worker.lines_with(secret) == []
    assert name not in worker.get("/metrics", Authorization=f"Bearer {TOKEN}")[1].decode()


def test_stdout__has_nothing_that_is_not_a_line(worker: Worker) -> None:
    said = worker.stdout.read_text().splitlines()
    assert [line for line in said if line] == []
