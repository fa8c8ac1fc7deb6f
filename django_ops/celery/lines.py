"""Celery's own log: through the site's LOGGING, and without what a task's line says already."""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Callable
from typing import Any

from billiard import util as pool_util
from celery.signals import setup_logging
from django.conf import settings

from django_ops.celery import parent, runs
from django_ops.logs import logging_config


def connect() -> None:
    """Keep Celery from configuring logging, and leave out what it repeats."""
    setup_logging.connect(_keep_site_logging, weak=False, dispatch_uid="django_ops.celery.lines")
    filters: dict[str, Callable[[logging.LogRecord], bool]] = {
        "celery.app.trace": _is_news_of_trace,
        "celery.worker.strategy": _is_news_of_strategy,
        "celery.worker.request": _is_news_of_request,
        "celery.worker.consumer.consumer": _is_news_of_consumer,
    }
    for name, is_news in filters.items():
        logging.getLogger(name).addFilter(is_news)


def _keep_site_logging(**kwargs: Any) -> None:
    """Leave LOGGING as Django configured it; that this receiver exists keeps Celery from the root logger.

    Where LOGGING is empty, lines go to stdout as those of the other servers do.
    """
    if settings.LOGGING_CONFIG and not settings.LOGGING:
        logging.config.dictConfig(logging_config())
    # a logger without a handler and without a parent, in which the pool says how its processes ended
    pool = pool_util.get_logger()
    pool.propagate = True
    pool.setLevel(logging.ERROR)  # as Celery has it: below that, it tells of each process at each step


def _data_of(record: logging.LogRecord) -> dict[str, Any]:
    data = getattr(record, "data", None)
    return data if isinstance(data, dict) else {}


def _is_news_of_trace(record: logging.LogRecord) -> bool:
    """Leave out how a run ended, exception and traceback included: its own line has that."""
    data = _data_of(record)
    return "id" not in data or not runs.is_latest(data["id"])


def _is_news_of_strategy(record: logging.LogRecord) -> bool:
    """Leave out that a task was received: it says nothing that its line does not say when it has run."""
    return "id" not in _data_of(record)


def _is_news_of_request(record: logging.LogRecord) -> bool:
    """Leave out that a run was revoked or killed, where that is told."""
    text, values = record.msg, record.args
    if not isinstance(text, str) or not isinstance(values, tuple) or not values:
        return True
    if text.startswith("Discarding revoked task"):
        return False  # the signal of which we tell comes next
    if text.startswith("Hard time limit") or (text.startswith("Task ") and " retry: " in text):
        return not any(parent.has_told(value) for value in values)
    if text.startswith("Task handler raised error"):
        return not parent.has_told(values[0])
    return True


def _is_news_of_consumer(record: logging.LogRecord) -> bool:
    """Leave out the report of a task that is not registered or not valid: it has the whole message, secrets and all."""
    text = record.msg
    return not (
        isinstance(text, str)
        and text.startswith(("Received unregistered task of type", "Received invalid task message"))
    )
