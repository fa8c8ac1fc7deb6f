"""Tasks, published by a request, run by real workers of each pool behind a real Redis."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, chain, chord, group
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from django_ops.middleware import OpsMiddleware
from tests.integration import services
from tests.integration.services import HOST, Redis
from tests.integration.workers import ROOT, TOKEN, Worker, running_worker

POOLS = ["prefork", "solo", "threads"]
REQUEST_ID = "order-4711.a_b"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def shop(redis_server: Redis) -> Iterator[Celery]:
    """The project's Celery application in this process, which publishes."""
    os.environ["SHOP_BROKER_URL"] = redis_server.url
    from tests.integration.shop import tasks
    from tests.integration.shop.celery import app

    assert tasks
    app.conf.update(broker_url=redis_server.url, result_backend=redis_server.url, task_ignore_result=False)
    app.set_current()
    yield app
    app.close()


@pytest.fixture(scope="module")
def prefork(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    directory = tmp_path_factory.mktemp("prefork")
    with running_worker(directory, redis_server, "prefork", "-P", "prefork", "-c", "2") as worker:
        yield worker


@pytest.fixture(scope="module")
def solo(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with running_worker(tmp_path_factory.mktemp("solo"), redis_server, "solo", "-P", "solo") as worker:
        yield worker


@pytest.fixture(scope="module")
def threads(redis_server: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    directory = tmp_path_factory.mktemp("threads")
    with running_worker(directory, redis_server, "threads", "-P", "threads", "-c", "2") as worker:
        yield worker


@pytest.fixture(params=POOLS)
def worker(request: pytest.FixtureRequest) -> Worker:
    """A worker of each pool in turn."""
    found: Worker = request.getfixturevalue(request.param)
    return found


def publish(shop: Celery, worker: Worker, name: str, *args: Any, task_id: str | None = None, **options: Any) -> str:
    """Publish a task outside of any request, and return its id."""
    task_id = task_id or str(uuid.uuid4())
    shop.tasks[f"shop.{name}"].apply_async(args, queue=worker.queue, task_id=task_id, **options)
    return task_id


def within_request(settings: Settings, act: Callable[[], Any], **headers: str) -> None:
    """Call `act` from a view behind OpsMiddleware, in a request with these headers from a trusted proxy."""
    settings.OPS_TRUSTED_PROXIES = ["127.0.0.1/32"]

    def view(request: HttpRequest) -> HttpResponse:
        act()
        return HttpResponse()

    response = OpsMiddleware(view)(RequestFactory().get("/", headers=headers))
    # as in Django's test client: a connection that another test has opened is not this one's to look at
    request_finished.disconnect(close_old_connections)
    try:
        response.close()
    finally:
        request_finished.connect(close_old_connections)


# Identity ------------------------------------------------------------------------------------------------------


def test_task_line__has_the_request_id_of_its_publisher(shop: Celery, worker: Worker, settings: Settings) -> None:
    task_id = str(uuid.uuid4())
    within_request(
        settings, lambda: publish(shop, worker, "greet", "you", task_id=task_id), **{"X-Request-ID": REQUEST_ID}
    )
    (line,) = worker.task_lines(task_id)
    assert line["http"]["request"]["id"] == REQUEST_ID


def test_task_line__has_the_trace_of_its_publisher(shop: Celery, worker: Worker, settings: Settings) -> None:
    task_id = str(uuid.uuid4())
    traceparent = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
    within_request(settings, lambda: publish(shop, worker, "greet", "you", task_id=task_id), Traceparent=traceparent)
    (line,) = worker.task_lines(task_id)
    assert line["trace"]["id"] == TRACE_ID


def test_application_s_line_within_a_task__has_the_request_id_of_the_publisher(
    shop: Celery, worker: Worker, settings: Settings
) -> None:
    name = uuid.uuid4().hex
    within_request(settings, lambda: publish(shop, worker, "greet", name), **{"X-Request-ID": REQUEST_ID})
    (line,) = worker.wait_for_message(f"hello {name}")
    assert line["http"]["request"]["id"] == REQUEST_ID


def test_application_s_line_within_a_task__has_the_span_of_the_task(shop: Celery, worker: Worker) -> None:
    name = uuid.uuid4().hex
    task_id = publish(shop, worker, "greet", name)
    (told,) = worker.wait_for_message(f"hello {name}")
    (line,) = worker.task_lines(task_id)
    assert told["span"] == line["span"]


def test_task_without_a_request__has_an_identity_of_its_own(shop: Celery, worker: Worker) -> None:
    first, second = publish(shop, worker, "greet", "a"), publish(shop, worker, "greet", "b")
    ids = [worker.task_lines(task_id)[0]["http"]["request"]["id"] for task_id in (first, second)]
    assert len(set(ids)) == 2


def test_chain__keeps_the_request_id(shop: Celery, worker: Worker, settings: Settings) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    steps = chain(
        shop.tasks["shop.greet"].si("you").set(queue=worker.queue, task_id=first),
        shop.tasks["shop.follow"].s().set(queue=worker.queue, task_id=second),
    )
    within_request(settings, steps.apply_async, **{"X-Request-ID": REQUEST_ID})
    ids = [worker.task_lines(task_id)[0]["http"]["request"]["id"] for task_id in (first, second)]
    assert ids == [REQUEST_ID, REQUEST_ID]


def test_chain__gives_each_task_a_span_of_its_own(shop: Celery, worker: Worker) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    chain(
        shop.tasks["shop.greet"].si("you").set(queue=worker.queue, task_id=first),
        shop.tasks["shop.follow"].s().set(queue=worker.queue, task_id=second),
    ).apply_async()
    assert worker.task_lines(first)[0]["span"] != worker.task_lines(second)[0]["span"]


def test_group__keeps_the_request_id(shop: Celery, prefork: Worker, settings: Settings) -> None:
    ids = [str(uuid.uuid4()) for _ in range(3)]
    greet = shop.tasks["shop.greet"]
    tasks = group(greet.si("you").set(queue=prefork.queue, task_id=task_id) for task_id in ids)
    within_request(settings, tasks.apply_async, **{"X-Request-ID": REQUEST_ID})
    assert {prefork.task_lines(task_id)[0]["http"]["request"]["id"] for task_id in ids} == {REQUEST_ID}


def test_chord__keeps_the_request_id_for_its_body(shop: Celery, prefork: Worker, settings: Settings) -> None:
    body_id = str(uuid.uuid4())
    greet = shop.tasks["shop.greet"]
    tasks = chord(
        [greet.si(name).set(queue=prefork.queue) for name in "ab"],
        shop.tasks["shop.follow"].s().set(queue=prefork.queue, task_id=body_id),
    )
    within_request(settings, tasks.apply_async, **{"X-Request-ID": REQUEST_ID})
    assert prefork.task_lines(body_id)[0]["http"]["request"]["id"] == REQUEST_ID


def test_beat__publishes_with_an_identity_of_its_own(solo: Worker) -> None:
    schedule = solo.directory / "schedule"
    with (solo.directory / "beat").open("wb") as output:
        beat = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "tests.integration.shop.celery", "beat", "-s", str(schedule)],
            cwd=ROOT, env={**solo.environment, "SHOP_LOG_DIRECTORY": str(solo.directory / "beat-log")},
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        lines = solo.wait_for_message("hello beat", count=2)
    finally:
        services.stop(beat)
    assert len({line["http"]["request"]["id"] for line in lines}) == len(lines)


def test_header_that_is_forged__breaks_no_line(shop: Celery, worker: Worker) -> None:
    forged = {"x-request-id": 'a"\n{"forged": 1}', "traceparent": "00-\n", "x-published-at": "yesterday"}
    (line,) = worker.task_lines(publish(shop, worker, "greet", "you", headers=forged))
    assert re.fullmatch("[0-9a-f]{32}", line["http"]["request"]["id"])


def test_header_of_another_type__breaks_no_line(shop: Celery, worker: Worker) -> None:
    forged = {"x-request-id": ["a"], "traceparent": {"a": 1}}
    (line,) = worker.task_lines(publish(shop, worker, "greet", "you", headers=forged))
    assert re.fullmatch("[0-9a-f]{32}", line["trace"]["id"])


def test_header_of_the_caller__is_not_overwritten(shop: Celery, worker: Worker, settings: Settings) -> None:
    task_id = str(uuid.uuid4())
    within_request(
        settings,
        lambda: publish(shop, worker, "greet", "you", task_id=task_id, headers={"x-request-id": "chosen"}),
        **{"X-Request-ID": REQUEST_ID},
    )
    assert worker.task_lines(task_id)[0]["http"]["request"]["id"] == "chosen"


def test_tasks_at_the_same_time__keep_their_ids_apart(shop: Celery, threads: Worker) -> None:
    ids = [publish(shop, threads, "rest", 0.3, headers={"x-request-id": f"request-{n}"}) for n in (1, 2)]
    for task_id in ids:
        threads.task_lines(task_id)
    told = [line for line in threads.lines() if line.get("http", {}).get("request", {}).get("id", "")[:7] == "request"]
    assert sorted((line["http"]["request"]["id"], line["message"][:4]) for line in told) == [
        ("request-1", "rest"), ("request-1", "rest"), ("request-1", "task"),
        ("request-2", "rest"), ("request-2", "rest"), ("request-2", "task"),
    ]  # fmt: skip


# One line per run ----------------------------------------------------------------------------------------------


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
    publish(shop, solo, "rest", 0.8)
    (line,) = solo.task_lines(publish(shop, solo, "greet", "you"))
    assert 0.5e9 <= queue_wait(line) < 5e9


def test_queue_wait__of_an_idle_worker_is_short(shop: Celery, prefork: Worker) -> None:
    settle(shop, prefork)
    (line,) = prefork.task_lines(publish(shop, prefork, "greet", "you"))
    assert 0 <= queue_wait(line) < 0.5e9


def test_queue_wait__counts_from_the_eta(shop: Celery, prefork: Worker) -> None:
    settle(shop, prefork)
    (line,) = prefork.task_lines(publish(shop, prefork, "greet", "you", countdown=2))
    assert 0 <= queue_wait(line) < 1.5e9


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
    publish(shop, solo, "rest", 0.5)
    task_id = publish(shop, solo, "greet", "late", expires=0.1)
    (line,) = solo.task_lines(task_id)
    assert line["django"]["task"]["outcome"] == "revoked"


KILLS = {
    "exceed_hard_limit": "billiard.exceptions.TimeLimitExceeded",
    "be_killed": "billiard.exceptions.WorkerLostError",
    "exit": "billiard.exceptions.WorkerLostError",
}


@pytest.mark.parametrize("name", KILLS)
def test_killed__gives_one_line(name: str, shop: Celery, prefork: Worker) -> None:
    task_id = publish(shop, prefork, name)
    prefork.task_lines(task_id)
    settle(shop, prefork)
    assert len(prefork.lines_with(task_id)) == 1


@pytest.mark.parametrize("name", KILLS)
def test_killed__is_a_failure_that_says_of_what(name: str, shop: Celery, prefork: Worker) -> None:
    (line,) = prefork.task_lines(publish(shop, prefork, name))
    assert (line["django"]["task"]["outcome"], line["error"]["type"]) == ("failure", KILLS[name])


@pytest.mark.parametrize("name", KILLS)
def test_killed__keeps_the_request_id(name: str, shop: Celery, prefork: Worker, settings: Settings) -> None:
    task_id = str(uuid.uuid4())
    within_request(settings, lambda: publish(shop, prefork, name, task_id=task_id), **{"X-Request-ID": REQUEST_ID})
    assert prefork.task_lines(task_id)[0]["http"]["request"]["id"] == REQUEST_ID


def test_killed_by_the_hard_limit__has_its_duration(shop: Celery, prefork: Worker) -> None:
    (line,) = prefork.task_lines(publish(shop, prefork, "exceed_hard_limit"))
    assert 1e9 <= line["event"]["duration"] < 20e9


def test_killed__leaves_no_task_in_progress(shop: Celery, prefork: Worker) -> None:
    prefork.task_lines(publish(shop, prefork, "be_killed"))
    settle(shop, prefork)
    assert prefork.sample("django_ops_celery_tasks_in_progress") == 0


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


def test_unregistered_task__gives_one_line(shop: Celery, worker: Worker) -> None:
    task_id = publish_as_a_stranger(worker, "shop.unheard_of")
    worker.task_lines(task_id)
    settle(shop, worker)
    (line,) = worker.lines_with(task_id)
    assert (line["django"]["task"]["name"], line["django"]["task"]["outcome"]) == ("shop.unheard_of", "rejected")


def test_unregistered_task__does_not_become_a_label(shop: Celery, worker: Worker) -> None:
    name = f"shop.{uuid.uuid4().hex}"
    worker.task_lines(publish_as_a_stranger(worker, name))
    assert name not in worker.get("/metrics", Authorization=f"Bearer {TOKEN}")[1].decode()


def test_unregistered_task__does_not_show_its_arguments(shop: Celery, worker: Worker) -> None:
    secret = uuid.uuid4().hex
    worker.task_lines(publish_as_a_stranger(worker, "shop.unheard_of", secret))
    settle(shop, worker)
    assert worker.lines_with(secret) == []


def test_stdout__has_nothing_that_is_not_a_line(worker: Worker) -> None:
    said = worker.stdout.read_text().splitlines()
    assert [line for line in said if line] == []


# Metrics -------------------------------------------------------------------------------------------------------


def test_metrics__sum_over_the_children(shop: Celery, prefork: Worker) -> None:
    before = prefork.sample("django_ops_celery_tasks_total", task="shop.rest", outcome="success")
    results = [shop.tasks["shop.rest"].apply_async([0.5], queue=prefork.queue) for _ in range(2)]
    processes = {result.get(timeout=20) for result in results}
    after = prefork.sample("django_ops_celery_tasks_total", task="shop.rest", outcome="success")
    assert (len(processes), after - before) == (2, 2)


def test_metrics__have_durations_and_queue_waits(shop: Celery, worker: Worker) -> None:
    worker.task_lines(publish(shop, worker, "query", 1))
    names = ("django_ops_celery_task_duration_seconds_count", "django_ops_celery_task_queue_seconds_count")
    assert all(worker.sample(name, task="shop.query") >= 1 for name in names)


def test_metrics__of_a_revoked_task_have_no_duration(shop: Celery, solo: Worker) -> None:
    before = solo.sample("django_ops_celery_task_duration_seconds_count", task="shop.greet")
    publish(shop, solo, "rest", 0.5)
    solo.task_lines(publish(shop, solo, "greet", "late", expires=0.1))
    assert solo.sample("django_ops_celery_task_duration_seconds_count", task="shop.greet") == before


def test_metrics__say_what_is_in_progress(shop: Celery, worker: Worker) -> None:
    settle(shop, worker)
    publish(shop, worker, "rest", 1.5)
    worker.wait(lambda: worker.sample("django_ops_celery_tasks_in_progress") == 1, "one task is in progress")
    worker.wait(lambda: worker.sample("django_ops_celery_tasks_in_progress") == 0, "no task is in progress")


def test_metrics__are_closed_without_the_token(worker: Worker) -> None:
    assert worker.get("/metrics")[0] == 401


def test_metrics__are_closed_to_a_wrong_token(worker: Worker) -> None:
    assert worker.get("/metrics", Authorization="Bearer guess")[0] == 401


def test_metrics__come_compressed_to_who_accepts_that(worker: Worker) -> None:
    _, body = worker.get("/metrics", **{"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "gzip"})
    assert body[:2] == b"\x1f\x8b"


def test_livez__is_open(worker: Worker) -> None:
    assert worker.get("/livez") == (200, b"ok\n")


def test_other_path__is_not_found(worker: Worker) -> None:
    assert worker.get("/admin/")[0] == 404


def test_scrape__is_not_logged(worker: Worker) -> None:
    before = len(worker.lines())
    worker.get("/metrics", Authorization=f"Bearer {TOKEN}")
    worker.get("/livez")
    worker.get("/nowhere")
    assert len(worker.lines()) == before


def test_client_that_says_nothing__does_not_keep_others_out(worker: Worker) -> None:
    with socket.create_connection((HOST, worker.metrics_port), timeout=5):
        assert worker.get("/livez")[0] == 200


def test_slots__are_the_parent_and_one_per_child(shop: Celery, prefork: Worker) -> None:
    for result in [shop.tasks["shop.rest"].apply_async([0.5], queue=prefork.queue) for _ in range(2)]:
        result.get(timeout=20)
    assert log_files(prefork) == ["django.0.jsonl", "django.1.jsonl", "django.main.jsonl"]


def test_slots__of_a_worker_without_children_are_one(shop: Celery, threads: Worker) -> None:
    threads.task_lines(publish(shop, threads, "greet", "you"))
    assert log_files(threads) == ["django.0.jsonl"]


# A worker's life -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_children_that_are_replaced__leave_no_files_behind(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    options = ["-P", "prefork", "-c", "3", "--max-tasks-per-child", "1"]
    with running_worker(tmp_path, redis_server, "recycled", *options) as worker:
        early = rest_in_other_processes(shop, worker, 6)
        files = sorted(worker.slot_directory().iterdir())
        late = rest_in_other_processes(shop, worker, 30)
        assert (len(early | late), sorted(worker.slot_directory().iterdir()), log_files(worker)) == (
            36,
            files,
            ["django.0.jsonl", "django.1.jsonl", "django.2.jsonl", "django.main.jsonl"],
        )


@pytest.mark.slow
def test_children_that_are_replaced__take_no_count_with_them(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    options = ["-P", "prefork", "-c", "3", "--max-tasks-per-child", "1"]
    with running_worker(tmp_path, redis_server, "counted", *options) as worker:
        rest_in_other_processes(shop, worker, 12)
        worker.wait(
            lambda: worker.sample("django_ops_celery_tasks_total", task="shop.rest", outcome="success") == 12,
            "all runs are counted",
        )
        assert worker.sample("shop_rests_total") == 12


@pytest.mark.parametrize("pool", POOLS)
def test_sigterm__lets_the_running_task_finish(pool: str, shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    with running_worker(tmp_path, redis_server, f"ended-{pool}", "-P", pool, "-c", "1") as worker:
        task_id = publish(shop, worker, "rest", 1.5)
        worker.wait_for_message("resting")
        code = worker.stop(signal.SIGTERM)
        outcomes = [line["django"]["task"]["outcome"] for line in worker.task_lines(task_id)]
        assert (code, outcomes) == (0, ["success"])


def test_sigterm__frees_the_metrics_port_and_removes_the_slot_directory(
    shop: Celery, redis_server: Redis, tmp_path: Path
) -> None:
    with running_worker(tmp_path, redis_server, "ended", "-P", "prefork", "-c", "1") as worker:
        worker.slot_directory()
        worker.stop(signal.SIGTERM)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, worker.metrics_port), timeout=5)
        assert list(worker.temporary_directory.iterdir()) == []


def test_cold_shutdown__tells_of_the_task_that_it_cancels(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    with running_worker(tmp_path, redis_server, "cold", "-P", "prefork", "-c", "1") as worker:
        task_id = publish(shop, worker, "rest", 60)
        worker.wait_for_message("resting")
        worker.stop(signal.SIGQUIT)
        lines = [line for line in worker.lines() if line.get("django", {}).get("task", {}).get("id") == task_id]
        assert [line["django"]["task"]["outcome"] for line in lines] == ["retry"]
    shop.control.purge()


def test_sighup__starts_again_with_a_slot_directory_of_its_own(
    shop: Celery, redis_server: Redis, tmp_path: Path
) -> None:
    with running_worker(tmp_path, redis_server, "again", "-P", "prefork", "-c", "1") as worker:
        before = worker.slot_directory()
        assert worker.process is not None
        worker.process.send_signal(signal.SIGHUP)
        worker.wait_for_message("again@test ready.", count=2)
        assert (before.exists(), worker.slot_directory().is_dir()) == (False, True)


def test_slot_directory_that_is_given__is_kept(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    given = tmp_path / "slots"
    options = ("-P", "prefork", "-c", "1")
    with running_worker(tmp_path, redis_server, "given", *options, PROMETHEUS_MULTIPROC_DIR=str(given)) as worker:
        worker.task_lines(publish(shop, worker, "greet", "you"))
        worker.stop(signal.SIGTERM)
        assert (given / "metrics-0.cells").exists()


def test_slot_directory_that_is_given__is_emptied_at_start(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    given = tmp_path / "slots"
    given.mkdir()
    (given / "metrics-7.cells").write_bytes(b"of another life")
    options = ("-P", "prefork", "-c", "1")
    with running_worker(tmp_path, redis_server, "emptied", *options, PROMETHEUS_MULTIPROC_DIR=str(given)):
        assert not (given / "metrics-7.cells").exists()


def test_port_that_is_taken__is_an_error_in_the_log(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        address = f"{HOST}:{taken.getsockname()[1]}"
        with running_worker(tmp_path, redis_server, "taken", "-P", "solo", SHOP_METRICS_ADDRESS=address) as worker:
            (line,) = [line for line in worker.lines() if line["log.logger"] == "django_ops.celery.server"]
            assert (line["log.level"], address in line["message"]) == ("error", True)


def test_port_that_is_taken__does_not_stop_the_worker(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        address = f"{HOST}:{taken.getsockname()[1]}"
        with running_worker(tmp_path, redis_server, "taken", "-P", "solo", SHOP_METRICS_ADDRESS=address) as worker:
            assert worker.task_lines(publish(shop, worker, "greet", "you"))


def test_metrics_of_other_libraries__sum_over_the_children(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    with running_worker(tmp_path, redis_server, "others", "-P", "prefork", "-c", "2") as worker:
        for result in [shop.tasks["shop.rest"].apply_async([0.5], queue="others") for _ in range(4)]:
            result.get(timeout=20)
        assert worker.sample("shop_rests_total") == 4


def test_children_that_are_spawned__tell_their_runs(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    options = ("-P", "prefork", "-c", "1")
    with running_worker(tmp_path, redis_server, "spawned", *options, SHOP_START_METHOD="spawn") as worker:
        (line,) = worker.task_lines(publish(shop, worker, "greet", "you", headers={"x-request-id": REQUEST_ID}))
        assert line["http"]["request"]["id"] == REQUEST_ID


def test_log_to_stdout__is_json_in_each_line(redis_server: Redis, tmp_path: Path) -> None:
    environment = Worker(tmp_path, redis_server, "stdout").environment
    environment |= {"TMPDIR": str(tmp_path), "SHOP_LOG_DIRECTORY": ""}
    command = [sys.executable, "-m", "celery", "-A", "tests.integration.shop.celery", "worker", "-P", "solo"]
    output = tmp_path / "output.log"
    with services.running(command, tmp_path, lambda: b" ready." in output.read_bytes(), environment=environment):
        said = output.read_text().splitlines()
    assert {type(json.loads(line)) for line in said} == {dict}


def rest_in_other_processes(shop: Celery, worker: Worker, count: int) -> set[int]:
    """Run a task so often, and return the ids of the processes that ran it."""
    results = [shop.tasks["shop.rest"].apply_async([0.1], queue=worker.queue) for _ in range(count)]
    return {result.get(timeout=60) for result in results}


def log_files(worker: Worker) -> list[str]:
    return sorted(path.name for path in worker.log_directory.iterdir())


def queue_wait(line: dict[str, Any]) -> Any:
    return line["django"].get("queue_duration")


def settle(shop: Celery, worker: Worker) -> None:
    """Wait until the worker has said what it has to say about earlier tasks: a later one has run."""
    worker.task_lines(publish(shop, worker, "follow"))
    deadline = time.monotonic() + 10
    while worker.sample("django_ops_celery_tasks_in_progress") and time.monotonic() < deadline:
        time.sleep(0.02)


def publish_as_a_stranger(worker: Worker, name: str, *args: Any) -> str:
    """Publish a task from a process without django-ops, as another service would."""
    task_id = str(uuid.uuid4())
    code = (
        "import sys, celery;"
        "broker, queue, task_id, name, *args = sys.argv[1:];"
        "celery.Celery(broker=broker).send_task(name, args or ['you'], task_id=task_id, queue=queue)"
    )
    subprocess.run(
        [sys.executable, "-c", code, worker.environment["SHOP_BROKER_URL"], worker.queue, task_id, name, *args],
        check=True, cwd=worker.directory, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    return task_id
