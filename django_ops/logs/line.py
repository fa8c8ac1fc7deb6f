"""What happened, as the nested dict of a log line: pure functions, the record in and the names of `fields` out."""

from __future__ import annotations

from time import gmtime, strftime
from typing import Any, NamedTuple

from django_ops.logs.fields import ECS_VERSION, LOG_DATASET, REQUEST_DATASET, TASK_DATASET
from django_ops.record.identity import Identity
from django_ops.record.outcome import Outcome, event_outcome
from django_ops.record.redaction import mask_text, until_configured
from django_ops.record.request import RequestRecord
from django_ops.record.task import TaskOutcome, TaskRecord
from django_ops.remembered import Remembered

#: One log line before it is written; every dict in it is the line's own, but for those of its Origin.
Document = dict[str, Any]


class Origin(NamedTuple):
    """Where lines come from: made once per process, shared by all its lines, and so never changed."""

    service: dict[str, str]
    process: dict[str, int]
    django_process: dict[str, str]


#: What `log.level` says for each of the levels of logging.
LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}

_MILLISECONDS = tuple(f"{number:03d}Z" for number in range(1000))
_second: tuple[int, str] = (0, "1970-01-01T00:00:00.")

_OK = Outcome.OK  # an attribute of an Enum is slow to look up
_TASK_EVENT_OUTCOMES = {TaskOutcome.SUCCESS: "success", TaskOutcome.FAILURE: "failure"}

# clients are few kinds of browsers, or hostile: then the bound matters
masked_user_agents = until_configured(Remembered(mask_text))


def timestamp(unix_seconds: float) -> str:
    """Return `@timestamp`: UTC with milliseconds, such as 2026-11-21T09:00:00.123Z.

    Raises ValueError or OverflowError when there is no such time.
    """
    global _second
    milliseconds = int(unix_seconds * 1000)
    whole = milliseconds // 1000
    known, prefix = _second
    if whole != known:
        prefix = strftime("%Y-%m-%dT%H:%M:%S.", gmtime(whole))
        if len(prefix) != 20 or prefix[0] == "-":
            raise ValueError(f"the year of {whole} has no four digits")
        _second = (whole, prefix)
    return prefix + _MILLISECONDS[milliseconds % 1000]


def request_line(
    record: RequestRecord, origin: Origin, when: float, level: str, logger: str, message: str | None = None
) -> Document:
    """Return the line of a finished request, but for its `error`; `message` replaces what it would say."""
    (
        (request_id, trace_id, span_id), _, duration_ns, first_byte_ns, queue_ns, outcome, method, scheme, path,
        query, route, view, status, request_bytes, response_bytes, streaming, _, _, _, client_address, user_agent,
        user_id, db_count, db_duration_ns, _,
    ) = record  # fmt: skip
    path = mask_text(path)
    http_request = {"method": method, "id": request_id, "body": {"bytes": request_bytes}}
    http: Document = {
        "request": http_request,
        "response": {"status_code": status, "body": {"bytes": response_bytes}},
    }
    url = {"path": path, "scheme": scheme}
    django: Document = {
        "process": origin.django_process,
        "outcome": outcome,
        "db": {"count": db_count, "duration": db_duration_ns},
    }
    document: Document = {
        "@timestamp": timestamp(when),
        "log.level": level,
        "message": message or f"{method} {path} {status} {duration_ns // 1_000_000}ms",
        "ecs.version": ECS_VERSION,
        "log.logger": logger,
        "service": origin.service,
        "event": {
            "dataset": REQUEST_DATASET,
            "duration": duration_ns,
            "outcome": "success" if outcome is _OK and status < 500 else event_outcome(outcome, status),
        },
        "http": http,
        "url": url,
        "trace": {"id": trace_id},
        "span": {"id": span_id},
        "process": origin.process,
        "django": django,
    }
    if route is not None:
        http["route"] = route
    if view:
        django["view"] = view
    if query:
        url["query"] = mask_text(query)
    if client_address:
        document["client"] = {"address": client_address}
    if user_agent:
        document["user_agent"] = {"original": masked_user_agents[user_agent]}
    if user_id is not None:
        document["user"] = {"id": user_id}
    if queue_ns is not None:
        django["queue_duration"] = queue_ns
    if streaming:
        django["first_byte_duration"] = first_byte_ns
    return document


def task_line(
    record: TaskRecord, origin: Origin, when: float, level: str, logger: str, message: str | None = None
) -> Document:
    """Return the line of one run of a task, but for its `error`; `message` replaces what it would say."""
    identity = record.identity
    duration_ms = record.duration_ns // 1_000_000
    task: Document = {
        "id": record.task_id,
        "name": record.name,
        "attempt": record.attempt,
        "outcome": record.outcome,
    }
    if record.queue:
        task["queue"] = record.queue
    django: Document = {
        "process": origin.django_process,
        "task": task,
        "db": {"count": record.db_count, "duration": record.db_duration_ns},
    }
    if record.queue_ns is not None:
        django["queue_duration"] = record.queue_ns
    return {
        "@timestamp": timestamp(when),
        "log.level": level,
        "message": message or f"task {record.name} {record.outcome} {duration_ms}ms",
        "ecs.version": ECS_VERSION,
        "log.logger": logger,
        "service": origin.service,
        "event": {
            "dataset": TASK_DATASET,
            "duration": record.duration_ns,
            "outcome": _TASK_EVENT_OUTCOMES.get(record.outcome, "unknown"),
        },
        "http": {"request": {"id": identity.request_id}},
        "trace": {"id": identity.trace_id},
        "span": {"id": identity.span_id},
        "process": origin.process,
        "django": django,
    }


class Source(NamedTuple):
    """Where in the code a line was logged."""

    file: str
    line: int
    function: str


def log_line(
    message: str, origin: Origin, when: float, level: str, logger: str, source: Source, identity: Identity | None
) -> Document:
    """Return the line of what an application logged, but for its `error` and `labels`."""
    document: Document = {
        "@timestamp": timestamp(when),
        "log.level": level,
        "message": message,
        "ecs.version": ECS_VERSION,
        "log.logger": logger,
        "service": origin.service,
        "event": {"dataset": LOG_DATASET},
        "process": origin.process,
        "log.origin": {
            "file": {"name": source.file, "line": source.line},
            "function": source.function,
        },
        "django": {"process": origin.django_process},
    }
    if identity is not None:
        document["http"] = {"request": {"id": identity.request_id}}
        document["trace"] = {"id": identity.trace_id}
        document["span"] = {"id": identity.span_id}
    return document
