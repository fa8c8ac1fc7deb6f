"""A worker's life: its children, signals, slot directory and port, each with a worker of its own."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path

import pytest
from celery import Celery

from tests.integration import services
from tests.integration.celery_shop import (
    POOLS,
    REQUEST_ID,
    log_files,
    publish,
    rest_in_other_processes,
)
from tests.integration.services import HOST, Redis
from tests.integration.workers import TOKEN, Worker, running_worker


@pytest.mark.slow
def test_children_that_are_replaced__leave_no_files_behind(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    options = ["-P", "prefork", "-c", "3", "--max-tasks-per-child", "1"]
    with running_worker(tmp_path, redis_server, "recycled", *options) as worker:
        early: set[int] = set()
        while len(log_files(worker)) < 4 and len(early) < 100:  # all three slots have been used
            early |= rest_in_other_processes(shop, worker, 3)
        files = sorted(worker.slot_directory().iterdir())
        late = rest_in_other_processes(shop, worker, 30)
        assert (len(late - early), sorted(worker.slot_directory().iterdir()), log_files(worker)) == (
            30,
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
            socket.create_connection((HOST, worker.metrics_port), timeout=60)
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


@pytest.mark.parametrize("pool", POOLS)
def test_broker_that_is_away_at_start__liveness_is_answered_and_the_terminal_says_so(pool: str, tmp_path: Path) -> None:
    worker = Worker(tmp_path, Redis(HOST, services.held_port()), "alone")
    try:
        worker.start("-P", pool, "-c", "1", wait=False)
        worker.wait(lambda: worker.is_alive(), "/livez answers")
        worker.wait(lambda: "Cannot connect to redis" in worker.stdout.read_text(), "the terminal says so")
        assert worker.get("/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
    finally:
        assert worker.stop() == 0


def test_port_that_is_taken__is_an_error_in_the_log_and_the_worker_works(
    shop: Celery, redis_server: Redis, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        address = f"{HOST}:{taken.getsockname()[1]}"
        with running_worker(tmp_path, redis_server, "taken", "-P", "solo", SHOP_METRICS_ADDRESS=address) as worker:
            (line,) = [line for line in worker.lines() if line["log.logger"] == "django_ops.celery.server"]
            assert (line["log.level"], address in line["message"]) == ("error", True)
            assert worker.task_lines(publish(shop, worker, "greet", "you"))


def test_metrics_of_other_libraries__sum_over_the_children(shop: Celery, redis_server: Redis, tmp_path: Path) -> None:
    with running_worker(tmp_path, redis_server, "others", "-P", "prefork", "-c", "2") as worker:
        for result in [shop.tasks["shop.rest"].apply_async([0.5], queue="others") for _ in range(4)]:
            result.get(timeout=60)
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
