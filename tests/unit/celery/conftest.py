"""A Celery application without a broker, and the records that its runs give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import Celery
from celery.app.trace import build_tracer

import django_ops.celery
from django_ops.celery import runs
from django_ops.record.context import Context, current
from django_ops.record.identity import Identity
from django_ops.record.task import TaskRecord

assert django_ops.celery

IDENTITY = Identity("order-4711", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


@pytest.fixture
def app() -> Iterator[Celery]:
    """An application whose broker is a list in memory, and which runs nothing by itself."""
    application = Celery("unit", broker="memory://", backend="cache+memory://", set_as_current=False)
    application.conf.task_default_queue = "unit"
    yield application
    application.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[TaskRecord]:
    """The records that were handed to the log."""
    records: list[TaskRecord] = []
    monkeypatch.setattr(runs.logs, "emit_task", records.append)
    return records


@contextmanager
def within_request(identity: Identity = IDENTITY) -> Iterator[Context]:
    """A request that goes on, as code within it sees it."""
    context = Context(identity)
    token = current.set(context)
    try:
        yield context
    finally:
        current.reset(token)


def task_of(app: Celery, body: Callable[..., Any], name: str = "unit.task") -> Any:
    """Make a task of a function, be it a lambda."""

    def task(*arguments: Any) -> Any:
        return body(*arguments)

    return app.task(name=name, shared=False)(task)


def run(task: Any, *args: Any, task_id: str = "task-1", **message: Any) -> Any:
    """Run a task as a worker does when it has received a message with these headers."""
    request = {"id": task_id, "delivery_info": {"exchange": "", "routing_key": "unit"}, "is_eager": False, **message}
    tracer = build_tracer(task.name, task, app=task.app)
    return tracer(task_id, args, {}, request)
