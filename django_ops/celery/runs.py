"""One run of a task from its start to its end, in the process that runs it: measured once, told once."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from time import perf_counter_ns
from typing import Any

from billiard import current_process
from celery import states
from celery.exceptions import Ignore, Reject, Retry
from celery.signals import task_postrun, task_prerun
from celery.utils.time import maybe_iso8601, maybe_make_aware

from django_ops import logs
from django_ops.celery.headers import read_identity, read_queue_ns
from django_ops.metrics import observe
from django_ops.metrics.lost import hand_to
from django_ops.record import telemetry
from django_ops.record.context import Context, current
from django_ops.record.identity import Identity, new_identity
from django_ops.record.task import TaskOutcome, TaskRecord

#: What counts as the name of a task that no worker knows: a label must not take any value that a message has.
UNREGISTERED = "<unregistered task>"

_LONGEST_ID = 256
_MOST_ATTEMPTS = 1 << 31

#: What is raised to leave a task early, and the state that Celery makes of it.
_STATES: dict[type[BaseException], str] = {
    Retry: states.RETRY,
    Reject: states.REJECTED,
    Ignore: states.IGNORED,
}


class Run:
    """The measuring of one run. `around` is the run within which this one was started eagerly."""

    __slots__ = ("around", "context", "handled", "is_open", "outer", "started_at", "started_ns", "task_id")

    def __init__(self, task_id: str, context: Context) -> None:
        self.started_at = time.time()
        self.started_ns = perf_counter_ns()
        self.task_id = task_id
        self.context = context
        self.outer = current.get()
        self.around = _latest.get()
        self.handled = sys.exc_info()[1]  # an eager task may be started while an exception is handled
        self.is_open = True


#: The run that was begun last in this thread or greenlet, and not within another one; it may have ended.
_latest: ContextVar[Run | None] = ContextVar("django_ops_task_run", default=None)


def connect() -> None:
    """Measure the runs of this process."""
    task_prerun.connect(_on_prerun, weak=False, dispatch_uid="django_ops.celery.runs")
    task_postrun.connect(_on_postrun, weak=False, dispatch_uid="django_ops.celery.runs")


def is_latest(task_id: object) -> bool:
    """Tell whether a run of this task goes on in this thread, or was the last one that ended in it."""
    run = _latest.get()
    return run is not None and run.task_id == task_id


def goes_on(task_id: object) -> bool:
    """Tell whether a run of this task goes on in this thread."""
    run = _latest.get()
    return run is not None and run.is_open and run.task_id == task_id


def _on_prerun(task_id: str, task: Any, **kwargs: Any) -> None:
    run = Run(task_id, Context(_identity(task.request)))
    _latest.set(run)
    current.set(run.context)
    hand_to("metrics", observe.count_running_tasks, 1)


def _identity(request: Any) -> Identity:
    """Return the ids of a run: those of its message, or of what called it where there was no message."""
    outer = current.get()
    if request.is_eager and outer is not None:
        identity = outer.identity._replace(span_id=new_identity().span_id)
    else:
        identity = read_identity(headers_of(request))
    return telemetry.within_span(identity)


def _on_postrun(task_id: str, task: Any, retval: Any = None, state: str | None = None, **kwargs: Any) -> None:
    run = _latest.get()
    if run is None or not run.is_open or run.task_id != task_id:
        return
    duration_ns = perf_counter_ns() - run.started_ns
    # once more: who listens to Celery's signals behind us begins a span after us, and ends it after us
    identity = telemetry.within_span(run.context.identity)
    raised = sys.exc_info()[1]
    outcome, error = conclude(state, retval, None if raised is run.handled else raised)
    _close(run)
    if error is not None and not isinstance(error, Exception) and is_pool_child():
        return  # this process is being ended, and its parent tells why (or it exits by itself, which is the same)
    tell(
        record_of(
            task.name, task_id, task.request, identity, run.started_at, outcome, error,
            duration_ns=duration_ns, eta=eta_of(task, task.request),
        )._replace(db_count=run.context.db_count, db_duration_ns=run.context.db_duration_ns)
    )  # fmt: skip


def _close(run: Run) -> None:
    run.is_open = run.context.is_open = False
    outer = run.outer
    if outer is not None:  # it waited for these queries as for its own
        outer.db_count += run.context.db_count
        outer.db_duration_ns += run.context.db_duration_ns
    current.set(outer if outer is not None and outer.is_open else None)
    if run.around is not None and run.around.is_open:
        _latest.set(run.around)
    run.around = run.handled = run.outer = None  # the last run is remembered; what it was within need not be
    hand_to("metrics", observe.count_running_tasks, -1)


def conclude(
    state: str | None, result: Any, raised: BaseException | None = None
) -> tuple[TaskOutcome, BaseException | None]:
    """Return how a run ended, and the error, from Celery's state and result and from what is still being raised.

    A task that ignores itself (to be replaced by another, say) has done what it wanted.
    """
    if raised is not None:  # Celery did not come to a state, or failed itself when it had
        result, state = raised, _STATES.get(type(raised), states.FAILURE)
    if state == states.RETRY:
        return TaskOutcome.RETRY, _exception(getattr(result, "exc", None))
    if state == states.REJECTED:
        return TaskOutcome.REJECTED, _exception(getattr(result, "reason", None)) or _exception(result)
    if state in (states.SUCCESS, states.IGNORED):
        return TaskOutcome.SUCCESS, None
    return TaskOutcome.FAILURE, _exception(result)


def _exception(value: Any) -> BaseException | None:
    return value if isinstance(value, BaseException) else None


def is_pool_child() -> bool:
    """Tell whether this is a process of a worker's pool, and not the worker's own."""
    return bool(current_process().name != "MainProcess")


def record_of(
    name: str,
    task_id: object,
    request: Any,
    identity: Identity,
    started_at: float,
    outcome: TaskOutcome,
    error: BaseException | None,
    *,
    duration_ns: int = 0,
    eta: datetime | None = None,
) -> TaskRecord:
    """Make the record of a run from `request`, Celery's context of it. What a message may forge is looked at."""
    retries = request.retries
    return TaskRecord(
        identity=identity,
        started_at=started_at,
        task_id=str(task_id)[:_LONGEST_ID],
        name=name,
        queue=queue_of(request.delivery_info),
        attempt=retries if isinstance(retries, int) and 0 < retries < _MOST_ATTEMPTS else 0,
        queue_ns=None if request.is_eager else read_queue_ns(headers_of(request), eta, started_at),
        duration_ns=duration_ns,
        outcome=outcome,
        db_count=0,
        db_duration_ns=0,
        error=error,
    )


def headers_of(request: Any) -> Mapping[str, Any]:
    """Return the headers of the message that are not Celery's own."""
    return request.headers if isinstance(request.headers, Mapping) else {}


def queue_of(delivery_info: Any) -> str:
    """Return the queue that a message came through, or "" where only its exchange knows."""
    if not isinstance(delivery_info, Mapping):
        return ""
    exchange, routing_key = delivery_info.get("exchange"), delivery_info.get("routing_key")
    return routing_key if isinstance(routing_key, str) and exchange in ("", routing_key) else ""


def eta_of(task: Any, request: Any) -> datetime | None:
    """Return when a task was to run at the earliest, or None."""
    if not request.eta:
        return None
    try:
        moment = maybe_iso8601(request.eta)
        return None if moment is None else maybe_make_aware(moment, task.app.timezone)
    except Exception:  # Celery refuses such a message; an eager task may have any
        return None


def tell(record: TaskRecord, counted_as: str | None = None) -> None:
    """Hand a finished run to both sinks; the task must not suffer from its own measuring."""
    counted = record if counted_as is None else record._replace(name=counted_as)
    hand_to("metrics", observe.observe_task, counted)
    hand_to("logs", logs.emit_task, record)
