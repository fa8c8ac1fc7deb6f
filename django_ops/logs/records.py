"""A finished request or task as a LogRecord, which anybody's filters and handlers can use."""

from __future__ import annotations

import logging
from http.client import responses
from typing import Any

from django_ops.logs import moment
from django_ops.record.context import Context
from django_ops.record.request import RequestRecord
from django_ops.record.task import TaskRecord

REQUEST_LOGGER = "django_ops.request"
TASK_LOGGER = "django_ops.task"
_DJANGO_REQUEST = "django.request"

request_logger = logging.getLogger(REQUEST_LOGGER)

#: The attribute of a LogRecord that carries the frozen record.
ATTRIBUTE = "ops_record"

#: What every LogRecord has, or gets from formatters: all else is somebody's `extra`.
STANDARD_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message", "asctime", "taskName", ATTRIBUTE, moment.ATTRIBUTE,
}  # fmt: skip


def log_record(
    logger: logging.Logger, level: int, message: str, record: RequestRecord | TaskRecord
) -> logging.LogRecord:
    """Make the LogRecord of `record`, which carries it. Its time is the end of what it tells of.

    The text has no arguments: what groups records by their text (Sentry) would take all requests for the same.
    """
    error = record.error
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    made = logger.makeRecord(
        logger.name, level, __file__, 0, message, (), exc_info, "log_record", {ATTRIBUTE: record}
    )  # fmt: skip
    made.created = record.started_at + record.duration_ns * 1e-9
    made.msecs = made.created % 1 * 1000 // 1
    return made


def is_told_by_its_request(record: logging.LogRecord) -> bool:
    """Tell whether a record of Django says nothing but what the line of its request will say.

    That is the exception that Django has handed to `got_request_exception`, or no more than status, method and path.
    """
    if record.name != _DJANGO_REQUEST:
        return False
    request: Any = getattr(record, "request", None)
    context = getattr(request, "ops", None)
    if not isinstance(context, Context) or not context.is_open or not request_logger.isEnabledFor(record.levelno):
        return False
    if record.exc_info:
        return record.exc_info[1] is not None and record.exc_info[1] is context.error
    reason = responses.get(getattr(record, "status_code", 0))
    text = record.getMessage()
    # Django escapes what it logs since 5.2.3
    return text in {
        form
        for path in (request.path, request.path.encode("unicode_escape").decode("ascii"))
        for form in (f"{reason}: {path}", f"{reason} ({request.method}): {path}")
    }
