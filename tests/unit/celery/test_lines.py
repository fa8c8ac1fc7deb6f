"""What of Celery's own log remains, and where it goes."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from billiard import util as pool_util
from celery import Celery, signals
from celery.worker.consumer.consumer import INVALID_TASK_ERROR, UNKNOWN_FORMAT, UNKNOWN_TASK_ERROR
from pytest_django import Settings

from django_ops.celery import lines
from django_ops.record.task import TaskRecord
from tests.unit.celery.conftest import run, task_of
from tests.unit.celery.test_parent import LOST, Request, lose

#: Since Django 6.0 a setting that changes is applied at once: one that disables loggers would reach other tests.
SITE_LOGGING = {"version": 1, "disable_existing_loggers": False}


def passes(logger: str, text: object, *values: Any, **extra: Any) -> bool:
    """Tell whether a record of this logger gets past its filters."""
    record = logging.makeLogRecord({"name": logger, "msg": text, "args": values, **extra})
    return bool(logging.getLogger(logger).filter(record))


def test_setup_logging__is_taken_from_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines.logging.config, "dictConfig", lambda configuration: None)  # it would reach other tests
    assert signals.setup_logging.send(sender=None, loglevel=20) != []


def test_setup_logging__leaves_the_site_s_logging(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOGGING = SITE_LOGGING
    configured: list[Any] = []
    monkeypatch.setattr(lines.logging.config, "dictConfig", configured.append)
    signals.setup_logging.send(sender=None)
    assert configured == []


def test_setup_logging__leaves_logging_that_the_site_does_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LOGGING, settings.LOGGING_CONFIG = {}, None
    configured: list[Any] = []
    monkeypatch.setattr(lines.logging.config, "dictConfig", configured.append)
    signals.setup_logging.send(sender=None)
    assert configured == []


def test_setup_logging__of_a_site_without_any_is_ours(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LOGGING = {}
    configured: list[Any] = []
    monkeypatch.setattr(lines.logging.config, "dictConfig", configured.append)
    signals.setup_logging.send(sender=None)
    assert [dict(given)["root"]["level"] for given in configured] == ["INFO"]


def test_setup_logging__brings_the_pool_s_errors_into_the_log(settings: Settings) -> None:
    settings.LOGGING = SITE_LOGGING
    signals.setup_logging.send(sender=None)
    pool = pool_util.get_logger()
    assert (pool.propagate, pool.level) == (True, logging.ERROR)


def test_trace__repeats_nothing_of_a_run_that_was_told(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), task_id="task-5")
    assert not passes("celery.app.trace", "Task succeeded", data={"id": "task-5"})


def test_trace__may_tell_of_another_run(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), task_id="task-5")
    assert passes("celery.app.trace", "Task already completed", data={"id": "task-6"})


@pytest.mark.parametrize("data", [None, "text", {}, {"name": "a"}])
def test_trace__may_tell_of_anything_else(data: Any) -> None:
    assert passes("celery.app.trace", "Process cleanup failed", data=data)


def test_strategy__does_not_tell_what_was_received() -> None:
    assert not passes("celery.worker.strategy", "Task received", data={"id": "task-5"})


def test_strategy__may_tell_of_an_eta_that_is_none() -> None:
    assert passes("celery.worker.strategy", "Couldn't convert ETA %r", "tomorrow")


def test_request__does_not_tell_of_a_revoked_task() -> None:
    assert not passes("celery.worker.request", "Discarding revoked task: %s[%s]", "a", "1")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Hard time limit (%ss) exceeded for %s[%s]", (1, "unit.task", "task-1")),
        ("Task handler raised error: %r", (LOST,)),
        ("Task %s[%s] retry: %s", ("unit.task", "task-1", "later")),
    ],
)
def test_request__repeats_nothing_that_was_told(
    app: Celery, told: list[TaskRecord], text: str, values: tuple[Any, ...]
) -> None:
    request = Request("task-1")
    signals.task_received.send(sender=None, request=request)
    lose(task_of(app, lambda: None))
    assert not passes("celery.worker.request", text, *values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Hard time limit (%ss) exceeded for %s[%s]", (1, "unit.task", "task-unheard-of")),
        ("Task handler raised error: %r", (ValueError("another"),)),
        ("Task %s[%s] retry: %s", ("unit.task", "task-unheard-of", "later")),
        ("Soft time limit (%ss) exceeded for %s[%s]", (1, "unit.task", "task-1")),
        ("no values", ()),
        (ValueError("no text"), ("a",)),
    ],
)
def test_request__may_tell_of_anything_else(text: object, values: tuple[Any, ...]) -> None:
    assert passes("celery.worker.request", text, *values)


@pytest.mark.parametrize("text", [UNKNOWN_TASK_ERROR, INVALID_TASK_ERROR])
def test_consumer__does_not_show_a_whole_message(text: str) -> None:
    assert not passes("celery.worker.consumer.consumer", text, "the arguments")


@pytest.mark.parametrize("text", [UNKNOWN_FORMAT, "Connected to %s", ValueError("no text")])
def test_consumer__may_tell_of_anything_else(text: object) -> None:
    assert passes("celery.worker.consumer.consumer", text, "a")
