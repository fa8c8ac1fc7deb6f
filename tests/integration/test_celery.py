"""Tasks, published by a request, run by real workers of each pool behind a real Redis: whose they are, and counted."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import uuid
from pathlib import Path

from celery import Celery, chain, chord, group
from pytest_django import Settings

from tests.integration import services
from tests.integration.celery_shop import (
    REQUEST_ID,
    TRACE_ID,
    log_files,
    publish,
    rest_in_all_processes,
    settle,
    within_request,
)
from tests.integration.services import HOST
from tests.integration.workers import ROOT, TOKEN, Worker

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


# Metrics -------------------------------------------------------------------------------------------------------


def test_metrics__sum_over_the_children(shop: Celery, prefork: Worker) -> None:
    before = prefork.sample("django_ops_celery_tasks_total", task="shop.rest", outcome="success")
    runs = rest_in_all_processes(shop, prefork, 2)
    settle(shop, prefork)  # a child counts a run after it has stored the result
    after = prefork.sample("django_ops_celery_tasks_total", task="shop.rest", outcome="success")
    assert after - before == runs


def test_metrics__have_durations_and_queue_waits(shop: Celery, worker: Worker) -> None:
    worker.task_lines(publish(shop, worker, "query", 1))
    names = ("django_ops_celery_task_duration_seconds_count", "django_ops_celery_task_queue_seconds_count")
    assert all(worker.sample(name, task="shop.query") >= 1 for name in names)


def test_metrics__of_a_revoked_task_have_no_duration(shop: Celery, solo: Worker) -> None:
    before = solo.sample("django_ops_celery_task_duration_seconds_count", task="shop.greet")
    solo.task_lines(publish(shop, solo, "greet", "late", expires=-1))
    assert solo.sample("django_ops_celery_task_duration_seconds_count", task="shop.greet") == before


def test_metrics__say_what_is_in_progress(shop: Celery, worker: Worker, tmp_path: Path) -> None:
    settle(shop, worker)
    publish(shop, worker, "rest_until", str(tmp_path / "end"))
    worker.wait(lambda: worker.sample("django_ops_celery_tasks_in_progress") == 1, "one task is in progress")
    (tmp_path / "end").touch()
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
    with socket.create_connection((HOST, worker.metrics_port), timeout=60):
        assert worker.get("/livez")[0] == 200


def test_slots__are_the_parent_and_one_per_child(shop: Celery, prefork: Worker) -> None:
    rest_in_all_processes(shop, prefork, 2)
    assert log_files(prefork) == ["django.0.jsonl", "django.1.jsonl", "django.main.jsonl"]


def test_slots__of_a_worker_without_children_are_one(shop: Celery, threads: Worker) -> None:
    threads.task_lines(publish(shop, threads, "greet", "you"))
    assert log_files(threads) == ["django.0.jsonl"]
