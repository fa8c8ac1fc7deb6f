"""One run, one record: in eager mode and as a worker runs a task."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Ignore, Reject, Retry
from celery.signals import task_postrun, task_prerun
from django.db import connection

from django_ops.celery import runs
from django_ops.celery.headers import write
from django_ops.metrics import lost
from django_ops.metrics.catalog import FAMILIES
from django_ops.metrics.exposition import merged_vectors
from django_ops.record.context import Context, current
from django_ops.record.identity import Identity
from django_ops.record.task import TaskOutcome, TaskRecord
from tests.unit.celery.conftest import IDENTITY, run, task_of, within_request


def value(name: str, *labels: str) -> float:
    vector = merged_vectors().get((name, *labels))
    return vector[0] if vector else 0.0


def message(**more: Any) -> dict[str, Any]:
    """The headers of a message that IDENTITY published a moment ago."""
    headers: dict[str, Any] = dict(more)
    write(headers, IDENTITY, time.time())
    return headers


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


# As a worker -----------------------------------------------------------------------------------------------------


def test_run__has_the_request_and_trace_of_its_message(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), **message())
    assert told[0].identity[:2] == IDENTITY[:2]


def test_run__belongs_to_its_message_wherever_it_runs(app: Celery, told: list[TaskRecord]) -> None:
    with within_request(Identity("another", "a" * 32, "b" * 16)):
        run(task_of(app, lambda: None), **message())
    assert told[0].identity[:2] == IDENTITY[:2]


def test_run__has_a_span_of_its_own(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), **message())
    assert told[0].identity.span_id != IDENTITY.span_id


def test_run__is_the_context_of_the_code_within(app: Celery, told: list[TaskRecord]) -> None:
    seen: list[Context | None] = []
    run(task_of(app, lambda: seen.append(current.get())), **message())
    assert [context.identity for context in seen if context] == [told[0].identity]


def test_run__leaves_no_context_behind(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), **message())
    assert current.get() is None


def test_run__that_fails_leaves_no_context_behind(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: 1 / 0), **message())
    assert current.get() is None


def test_run__tells_name_id_and_queue(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), task_id="task-9")
    assert (told[0].name, told[0].task_id, told[0].queue) == ("unit.task", "task-9", "unit")


def test_run__tells_the_attempt(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None), retries=2)
    assert told[0].attempt == 2


@pytest.mark.parametrize("retries", ["2", None, -1, [1], 10**30])
def test_run__of_a_forged_attempt_is_the_first(app: Celery, told: list[TaskRecord], retries: Any) -> None:
    run(task_of(app, lambda: None), retries=retries)
    assert told[0].attempt == 0


def test_run__measures_its_duration(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: time.sleep(0.05)))
    assert 50_000_000 <= told[0].duration_ns < 10_000_000_000


def test_run__counts_the_queries_within(app: Celery, told: list[TaskRecord], db: None) -> None:
    def query() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    run(task_of(app, query))
    assert told[0].db_count == 1


def test_run__waited_since_it_was_published(app: Celery, told: list[TaskRecord]) -> None:
    headers: dict[str, Any] = {}
    write(headers, IDENTITY, time.time() - 5)
    run(task_of(app, lambda: None), **headers)
    assert 5.0 <= (told[0].queue_ns or 0) / 1e9 < 6.0


def test_run__waited_since_its_eta(app: Celery, told: list[TaskRecord]) -> None:
    headers: dict[str, Any] = {}
    write(headers, IDENTITY, time.time() - 50)
    eta = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 5))  # naive: in the application's zone
    run(task_of(app, lambda: None), eta=eta, **headers)
    assert 5.0 <= (told[0].queue_ns or 0) / 1e9 < 7.0


@pytest.mark.parametrize("eta", ["tomorrow", 5, ["a"], {"b": 1}])
def test_run__of_a_forged_eta_waited_since_it_was_published(app: Celery, told: list[TaskRecord], eta: Any) -> None:
    run(task_of(app, lambda: None), eta=eta, **message())
    assert told[0].queue_ns is not None


def test_run__of_a_publisher_that_does_not_say_waited_nobody_knows(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: None))
    assert told[0].queue_ns is None


def test_run__is_in_progress_while_it_runs(app: Celery, told: list[TaskRecord]) -> None:
    before = value("django_ops_celery_tasks_in_progress")
    seen: list[float] = []
    run(task_of(app, lambda: seen.append(value("django_ops_celery_tasks_in_progress"))))
    assert (seen[0] - before, value("django_ops_celery_tasks_in_progress") - before) == (1, 0)


def test_run__is_counted_by_name_and_outcome(app: Celery, told: list[TaskRecord]) -> None:
    before = value("django_ops_celery_tasks_total", "unit.counted", "success")
    run(task_of(app, lambda: None, "unit.counted"))
    assert value("django_ops_celery_tasks_total", "unit.counted", "success") - before == 1


def raising(error: BaseException) -> Any:
    def body() -> None:
        raise error

    return body


BROKEN = ValueError("broken")


@pytest.mark.parametrize(
    ("error", "outcome", "told_error"),
    [
        (BROKEN, TaskOutcome.FAILURE, BROKEN),
        (Retry("later", exc=BROKEN), TaskOutcome.RETRY, BROKEN),
        (Retry("later"), TaskOutcome.RETRY, None),
        (Reject(BROKEN), TaskOutcome.REJECTED, BROKEN),
        (Ignore(), TaskOutcome.SUCCESS, None),
    ],
)
def test_run__that_raises_ends_as_what_it_raised(
    app: Celery, told: list[TaskRecord], error: Exception, outcome: TaskOutcome, told_error: Exception | None
) -> None:
    run(task_of(app, raising(error)))
    assert [(record.outcome, record.error) for record in told] == [(outcome, told_error)]


def test_run__that_is_rejected_for_a_text_has_that_as_error(app: Celery, told: list[TaskRecord]) -> None:
    error = Reject("no such tenant")
    run(task_of(app, raising(error)))
    assert told[0].error is error


def test_run__that_returns_an_exception_is_a_success(app: Celery, told: list[TaskRecord]) -> None:
    run(task_of(app, lambda: Retry("later")))
    assert (told[0].outcome, told[0].error) == (TaskOutcome.SUCCESS, None)


def test_run__that_exits_in_the_worker_s_own_process_is_a_failure(app: Celery, told: list[TaskRecord]) -> None:
    with pytest.raises(SystemExit):
        run(task_of(app, raising(SystemExit(3))))
    assert [(record.outcome, type(record.error)) for record in told] == [(TaskOutcome.FAILURE, SystemExit)]


def test_run__that_exits_in_a_child_is_left_to_the_parent(
    app: Celery, told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "is_pool_child", lambda: True)
    with pytest.raises(SystemExit):
        run(task_of(app, raising(SystemExit(3))))
    assert told == []


def test_run__that_exits_in_a_child_is_not_in_progress_any_more(
    app: Celery, told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = value("django_ops_celery_tasks_in_progress")
    monkeypatch.setattr(runs, "is_pool_child", lambda: True)
    with pytest.raises(SystemExit):
        run(task_of(app, raising(SystemExit(3))))
    assert value("django_ops_celery_tasks_in_progress") == before


@pytest.mark.filterwarnings("ignore:Exception raised outside body")
def test_run__whose_result_cannot_be_stored_is_one_failure(
    app: Celery, told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.backend, "mark_as_done", raising_any(ConnectionError("the backend is gone")))
    run(task_of(app, lambda: None))
    assert [(record.outcome, type(record.error)) for record in told] == [(TaskOutcome.FAILURE, ConnectionError)]


@pytest.mark.filterwarnings("ignore:Exception raised outside body")
def test_run__whose_result_cannot_be_stored_is_told_by_nobody_else(
    app: Celery, told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch, quiet: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app.backend, "mark_as_done", raising_any(ConnectionError("the backend is gone")))
    run(task_of(app, lambda: None))
    assert "the backend is gone" not in quiet.text


def raising_any(error: Exception) -> Any:
    def body(*args: Any, **kwargs: Any) -> None:
        raise error

    return body


@pytest.mark.parametrize("error", [None, BROKEN, Retry("later", exc=BROKEN), Reject("no"), Ignore()])
def test_run__is_told_by_nobody_else(
    app: Celery, told: list[TaskRecord], quiet: pytest.LogCaptureFixture, error: Exception | None
) -> None:
    run(task_of(app, raising(error) if error else lambda: None))
    assert [record.name for record in quiet.records if record.name.startswith("celery.")] == []


def test_run__continues_the_current_span(app: Celery, told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    span = ("a" * 32, "b" * 16)
    monkeypatch.setattr(runs.telemetry, "current_span", lambda: span)
    run(task_of(app, lambda: None), **message())
    assert told[0].identity == Identity(IDENTITY.request_id, *span)


def test_run__takes_the_span_that_begins_behind_it(
    app: Celery, told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenTelemetry's instrumentation does where it listens to the same signals behind us."""
    spans: list[tuple[str, str]] = []

    def begin(**kwargs: object) -> None:
        spans.append(("a" * 32, "b" * 16))

    def end(**kwargs: object) -> None:
        spans.clear()

    monkeypatch.setattr(runs.telemetry, "current_span", lambda: spans[0] if spans else None)
    task_prerun.connect(begin)
    task_postrun.connect(end)
    try:
        run(task_of(app, lambda: None), **message())
    finally:
        task_prerun.disconnect(begin)
        task_postrun.disconnect(end)
    assert told[0].identity == Identity(IDENTITY.request_id, "a" * 32, "b" * 16)


@pytest.mark.parametrize(
    ("delivery_info", "queue"),
    [
        ({"exchange": "", "routing_key": "mail"}, "mail"),
        ({"exchange": "mail", "routing_key": "mail"}, "mail"),
        ({"exchange": "media", "routing_key": "media.video"}, ""),
        ({"exchange": "", "routing_key": None}, ""),
        ({}, ""),
        (None, ""),
        ("mail", ""),
    ],
)
def test_queue_of__is_known_where_the_message_was_sent_to_it(delivery_info: Any, queue: str) -> None:
    assert runs.queue_of(delivery_info) == queue


# Eager -----------------------------------------------------------------------------------------------------------


def test_eager_run__has_the_request_of_its_caller(app: Celery, told: list[TaskRecord]) -> None:
    with within_request():
        task_of(app, lambda: None).apply()
    assert told[0].identity[:2] == IDENTITY[:2]


def test_eager_run__has_a_span_of_its_own(app: Celery, told: list[TaskRecord]) -> None:
    with within_request():
        task_of(app, lambda: None).apply()
    assert told[0].identity.span_id != IDENTITY.span_id


def test_eager_run__gives_its_caller_the_context_back(app: Celery, told: list[TaskRecord]) -> None:
    with within_request() as context:
        task_of(app, lambda: None).apply()
        assert current.get() is context


def test_eager_run__that_raises_gives_its_caller_the_context_back(app: Celery, told: list[TaskRecord]) -> None:
    with within_request() as context:
        with pytest.raises(ZeroDivisionError):
            task_of(app, lambda: 1 / 0).apply(throw=True)
        assert current.get() is context


def test_eager_run__that_raises_to_its_caller_is_one_failure(app: Celery, told: list[TaskRecord]) -> None:
    with pytest.raises(ZeroDivisionError):
        task_of(app, lambda: 1 / 0).apply(throw=True)
    assert [(record.outcome, type(record.error)) for record in told] == [(TaskOutcome.FAILURE, ZeroDivisionError)]


def test_eager_run__while_an_exception_is_handled_is_a_success(app: Celery, told: list[TaskRecord]) -> None:
    task = task_of(app, lambda: None)
    try:
        raise BROKEN
    except ValueError:
        task.apply()
    assert (told[0].outcome, told[0].error) == (TaskOutcome.SUCCESS, None)


def test_eager_run__by_setting_has_the_request_of_its_caller(app: Celery, told: list[TaskRecord]) -> None:
    app.conf.task_always_eager = True
    with within_request():
        task_of(app, lambda: None).delay()
    assert told[0].identity[:2] == IDENTITY[:2]


def test_eager_run__without_a_request_has_the_ids_that_the_caller_gave(app: Celery, told: list[TaskRecord]) -> None:
    task_of(app, lambda: None).apply(headers={"x-request-id": "chosen"})
    assert told[0].identity.request_id == "chosen"


def test_eager_run__waited_for_nothing(app: Celery, told: list[TaskRecord]) -> None:
    task_of(app, lambda: None).apply(headers=message())
    assert told[0].queue_ns is None


def test_eager_run__counts_its_queries_for_its_caller_too(app: Celery, told: list[TaskRecord], db: None) -> None:
    def query() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    with within_request() as context:
        query()
        task_of(app, query).apply()
        assert (context.db_count, told[0].db_count) == (2, 1)


def test_eager_run__within_a_run_tells_both_from_the_inside(app: Celery, told: list[TaskRecord]) -> None:
    inner = task_of(app, lambda: None, "unit.inner")
    run(task_of(app, lambda: inner.apply() and None, "unit.outer"), **message())
    assert [record.name for record in told] == ["unit.inner", "unit.outer"]


def test_eager_run__within_a_run_has_its_request(app: Celery, told: list[TaskRecord]) -> None:
    inner = task_of(app, lambda: None, "unit.inner")
    run(task_of(app, lambda: inner.apply() and None, "unit.outer"), **message())
    assert told[0].identity.request_id == IDENTITY.request_id


def test_eager_run__within_a_run_leaves_no_line_of_celery(
    app: Celery, told: list[TaskRecord], quiet: pytest.LogCaptureFixture
) -> None:
    inner = task_of(app, lambda: None, "unit.inner")
    run(task_of(app, lambda: inner.apply() and None, "unit.outer"))
    assert [record.name for record in quiet.records if record.name.startswith("celery.")] == []


def test_eager_retry__is_a_run_for_each_try(app: Celery, told: list[TaskRecord]) -> None:
    @app.task(name="unit.retry", bind=True, max_retries=2, shared=False)
    def task(self: Any) -> None:
        if self.request.retries == 0:
            raise self.retry(exc=BROKEN, countdown=0)

    task.apply()
    # the second try is made within the first: Celery says so when the first has ended
    assert [(record.attempt, record.outcome) for record in told] == [
        (0, TaskOutcome.RETRY), (1, TaskOutcome.SUCCESS),
    ]  # fmt: skip


# The sinks -------------------------------------------------------------------------------------------------------


def test_tell__does_not_let_the_task_suffer(app: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.logs, "emit_task", raising_any(RuntimeError("disk on fire")))
    assert run(task_of(app, lambda: 7)).retval == 7


def test_tell__counts_a_record_that_the_log_lost(
    app: Celery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lost, "_complained_at", float("-inf"))
    monkeypatch.setattr(runs.logs, "emit_task", raising_any(RuntimeError("disk on fire")))
    before = value("django_ops_records_lost_total", "logs")
    run(task_of(app, lambda: None))
    assert (value("django_ops_records_lost_total", "logs") - before, "disk on fire" in capsys.readouterr().err) == (
        1,
        True,
    )


def test_tell__logs_what_the_metrics_lost(app: Celery, told: list[TaskRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.observe, "observe_task", raising_any(RuntimeError("no room")))
    run(task_of(app, lambda: None))
    assert len(told) == 1


def test_catalog__has_the_task_metrics() -> None:
    assert {name for name in FAMILIES if name.startswith("django_ops_celery_")} == {
        "django_ops_celery_tasks_total",
        "django_ops_celery_task_duration_seconds",
        "django_ops_celery_task_queue_seconds",
        "django_ops_celery_tasks_in_progress",
    }
