"""Runs of which only the worker's own process can tell: revoked, killed, cancelled, or never begun."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.app.task import Context as TaskContext
from celery.signals import (
    task_failure,
    task_postrun,
    task_received,
    task_rejected,
    task_retry,
    task_revoked,
    task_unknown,
)

from django_ops.celery import runs
from django_ops.celery.headers import read_identity
from django_ops.record.task import TaskOutcome

_LONGEST_NAME = 256

#: What the worker has received and not finished, by task id.
_received: WeakValueDictionary[str, Any] = WeakValueDictionary()

#: The runs that were told last, by id, and the error of the very last: Celery's own messages repeat them.
_told_ids: deque[str] = deque(maxlen=100)
_told_error: BaseException | None = None


def connect() -> None:
    """Tell of the runs whose own process cannot."""
    for signal, receiver in (
        (task_received, _on_received),
        (task_postrun, _on_postrun),
        (task_failure, _on_failure),
        (task_revoked, _on_revoked),
        (task_retry, _on_retry),
        (task_rejected, _on_rejected),
        (task_unknown, _on_unknown),
    ):
        signal.connect(receiver, weak=False, dispatch_uid="django_ops.celery.parent")


def has_told(what: object) -> bool:
    """Tell whether a run with this id was told of here, or lately one with this very error."""
    return what in _told_ids or (what is _told_error and what is not None)


def _on_received(request: Any, **kwargs: Any) -> None:
    _received[request.id] = request


def _on_postrun(task_id: str, state: str | None = None, **kwargs: Any) -> None:
    """Forget a run that ended in this process itself (of another pool than prefork), which has told of it."""
    _received.pop(task_id, None)
    if state is None:  # something broke it off, of which Celery will tell again
        _told_ids.append(task_id)


def _on_failure(sender: Any, task_id: str, exception: Any = None, **kwargs: Any) -> None:
    """Tell of a killed process. All other failures the task's process tells itself."""
    # once: of a hard time limit Celery sends two signals
    if isinstance(exception, (WorkerLostError, TimeLimitExceeded)) and task_id in _received:
        _tell(sender, task_id, TaskOutcome.FAILURE, exception)


def _on_revoked(sender: Any, request: Any, **kwargs: Any) -> None:
    _tell(sender, request.id, TaskOutcome.REVOKED, None, request)


def _on_retry(sender: Any, request: Any, reason: Any = None, **kwargs: Any) -> None:
    """Tell of a run that the worker itself sends round again, as it was cancelled or its process was lost."""
    if not runs.goes_on(request.id):
        _tell(sender, request.id, TaskOutcome.RETRY, getattr(reason, "exc", None), request)


def _tell(task: Any, task_id: str, outcome: TaskOutcome, error: BaseException | None, context: Any = None) -> None:
    global _told_error
    request = _received.pop(task_id, None)
    if context is None:
        context = request._context if request is not None else TaskContext()
    now = time.time()
    started_at = getattr(request, "time_start", None) or now
    _told_ids.append(task_id)
    _told_error = error
    runs.tell(
        runs.record_of(
            task.name, task_id, context, read_identity(runs.headers_of(context)), started_at, outcome, error,
            duration_ns=max(0, round((now - started_at) * 1e9)), eta=runs.eta_of(task, context),
        )
    )  # fmt: skip


def _on_rejected(message: Any, exc: Any = None, **kwargs: Any) -> None:
    """Tell of a task that cannot be run. A message that is none at all comes without an exception."""
    if exc is not None:
        headers = _headers_of(message)
        _tell_unborn(message, headers.get("task") or runs.UNREGISTERED, headers.get("id"), exc)


def _on_unknown(message: Any, exc: Any = None, name: Any = "", id: Any = "", **kwargs: Any) -> None:  # noqa: A002
    _tell_unborn(message, name, id, exc)


def _headers_of(message: Any) -> Mapping[str, Any]:
    return message.headers if isinstance(message.headers, Mapping) else {}


def _tell_unborn(message: Any, name: object, task_id: object, error: BaseException | None) -> None:
    headers = _headers_of(message)
    request = TaskContext(dict(headers), delivery_info=message.delivery_info)
    record = runs.record_of(
        str(name)[:_LONGEST_NAME], task_id, request, read_identity(headers), time.time(), TaskOutcome.REJECTED, error
    )
    runs.tell(record, counted_as=runs.UNREGISTERED)
