"""What stands in the messages that a process publishes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from celery import Celery, chain, group

from django_ops.celery import publisher
from tests.unit.celery.conftest import IDENTITY, run, task_of, within_request


@pytest.fixture
def task(app: Celery) -> Any:
    return task_of(app, lambda *numbers: sum(numbers))


def published(app: Celery) -> list[dict[str, Any]]:
    """Take the messages from the queue, and return the headers as the broker has them."""
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("unit")
        messages = []
        while queue.qsize():
            message = queue.get(block=False)
            messages.append(json.loads(json.dumps(message.headers)))
            message.ack()
        queue.close()
    return messages


def test_publish__within_a_request_tells_its_id(app: Celery, task: Any) -> None:
    with within_request():
        task.apply_async((1,))
    (message,) = published(app)
    assert message["x-request-id"] == IDENTITY.request_id


def test_publish__within_a_request_tells_its_trace(app: Celery, task: Any) -> None:
    with within_request():
        task.apply_async((1,))
    (message,) = published(app)
    assert message["traceparent"] == IDENTITY.traceparent


def test_publish__without_a_request_tells_new_ids_each_time(app: Celery, task: Any) -> None:
    task.apply_async((1,))
    task.apply_async((1,))
    first, second = published(app)
    assert first["x-request-id"] != second["x-request-id"]


def test_publish__keeps_the_headers_of_the_caller(app: Celery, task: Any) -> None:
    with within_request():
        task.apply_async((1,), headers={"x-request-id": "chosen", "tenant": "a"})
    (message,) = published(app)
    assert (message["x-request-id"], message["tenant"]) == ("chosen", "a")


def test_publish__of_a_group_tells_each_task(app: Celery, task: Any) -> None:
    with within_request():
        group(task.s(1), task.s(2)).apply_async()
    assert [message["x-request-id"] for message in published(app)] == [IDENTITY.request_id] * 2


def test_publish__of_the_next_in_a_chain_is_that_of_the_task_before(app: Celery, task: Any) -> None:
    with within_request():
        chain(task.s(1), task.s(2)).apply_async()
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("unit")
        first = queue.get(block=False)
        first.ack()
        queue.close()
    arguments, _, embedded = first.decode()
    headers = {name: value for name, value in first.headers.items() if name not in ("task", "id")}
    run(task, *arguments, **headers, **embedded)
    (second,) = published(app)
    assert second["x-request-id"] == IDENTITY.request_id


def test_publish__with_the_first_protocol_tells_ids_as_well(app: Celery, task: Any) -> None:
    app.conf.task_protocol = 1
    with within_request():
        task.apply_async((1,))
    (message,) = published(app)
    assert message["x-request-id"] == IDENTITY.request_id


def test_publish__without_a_request_continues_the_current_span(
    app: Celery, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = ("a" * 32, "b" * 16)
    monkeypatch.setattr(publisher.telemetry, "current_span", lambda: span)
    task.apply_async((1,))
    (message,) = published(app)
    assert message["traceparent"] == f"00-{span[0]}-{span[1]}-01"
    assert message["x-request-id"] != span[0]
