"""One run of a background task, finished."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from django_ops.record.identity import Identity


class TaskOutcome(StrEnum):
    """How a run of a task ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    RETRY = "retry"
    REVOKED = "revoked"
    REJECTED = "rejected"


class TaskRecord(NamedTuple):
    """What is known of one run of a task when it has ended. Durations are in nanoseconds."""

    identity: Identity  # the publisher's request id and trace, with a span of its own
    started_at: float  # Unix time in seconds
    task_id: str
    name: str
    queue: str  # "" when unknown
    attempt: int  # 0 for the first run
    queue_ns: int | None  # from publishing to start; None when the publisher did not say
    duration_ns: int
    outcome: TaskOutcome
    db_count: int
    db_duration_ns: int
    error: BaseException | None
