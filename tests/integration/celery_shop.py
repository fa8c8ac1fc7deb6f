"""The project `shop` and its workers for the tests of Celery: fixtures, and how its tasks are published."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from django_ops.middleware import OpsMiddleware
from tests.integration.services import Redis
from tests.integration.workers import Worker, running_worker

POOLS = ["prefork", "solo", "threads"]
REQUEST_ID = "order-4711.a_b"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="session")
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


def rest_in_other_processes(shop: Celery, worker: Worker, count: int) -> set[int]:
    """Run a task so often, and return the ids of the processes that ran it."""
    results = [shop.tasks["shop.rest"].apply_async([0.1], queue=worker.queue) for _ in range(count)]
    return {result.get(timeout=60) for result in results}


def rest_in_all_processes(shop: Celery, worker: Worker, count: int) -> int:
    """Run a task until `count` processes have run it, and return how often it ran."""
    seen: set[int] = set()
    runs = 0
    while len(seen) < count:
        seen |= rest_in_other_processes(shop, worker, count)
        runs += count
        assert runs < 100, f"only {seen} take tasks"
    return runs


def log_files(worker: Worker) -> list[str]:
    return sorted(path.name for path in worker.log_directory.iterdir())


def queue_wait(line: dict[str, Any]) -> Any:
    return line["django"].get("queue_duration")


def settle(shop: Celery, worker: Worker) -> None:
    """Wait until the worker has said what it has to say about earlier tasks: a later one has run."""
    worker.task_lines(publish(shop, worker, "follow"))
    worker.wait(lambda: worker.sample("django_ops_celery_tasks_in_progress") == 0, "no task is in progress")


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
