"""Sends a finished request or task to Python's logging."""

from __future__ import annotations

import logging

from django_ops.logs.handler import LineHandler
from django_ops.logs.records import REQUEST_LOGGER, REQUEST_MESSAGE, TASK_LOGGER, TASK_MESSAGE, log_record
from django_ops.record.outcome import Outcome
from django_ops.record.request import RequestRecord
from django_ops.record.task import TaskOutcome, TaskRecord

_request_logger = logging.getLogger(REQUEST_LOGGER)
_task_logger = logging.getLogger(TASK_LOGGER)

# an attribute of an Enum is slow to look up
_OK, _EXCEPTION, _DISCONNECT, _CANCELLED = (
    Outcome.OK,
    Outcome.EXCEPTION,
    Outcome.DISCONNECT,
    Outcome.CANCELLED,
)
_TASK_LEVELS = {TaskOutcome.SUCCESS: logging.INFO, TaskOutcome.FAILURE: logging.ERROR}


def emit_request(record: RequestRecord) -> None:
    """Log a finished request: at ERROR for 5xx and exceptions, WARNING for 4xx and clients that left, else INFO."""
    status = record.status
    outcome = record.outcome
    if status < 400 and outcome is _OK:
        level = logging.INFO
    elif status >= 500 or outcome is _EXCEPTION:
        level = logging.ERROR
    elif status >= 400 or outcome is _DISCONNECT or outcome is _CANCELLED:
        level = logging.WARNING
    else:
        level = logging.INFO
    if not _request_logger.isEnabledFor(level):
        return
    handler = _only_handler() if record.error is None else None
    if handler is not None:
        handler.write_request(record, level)
        return
    arguments = (record.method, record.path, status, record.duration_ns // 1_000_000)
    _request_logger.handle(log_record(REQUEST_LOGGER, level, REQUEST_MESSAGE, arguments, record))


def emit_task(record: TaskRecord) -> None:
    """Log a finished run of a task: at INFO for a success, ERROR for a failure, else WARNING."""
    level = _TASK_LEVELS.get(record.outcome, logging.WARNING)
    if _task_logger.isEnabledFor(level):
        arguments = (record.name, record.outcome, record.duration_ns // 1_000_000)
        _task_logger.handle(log_record(TASK_LOGGER, level, TASK_MESSAGE, arguments, record))


def _only_handler() -> LineHandler | None:
    """Return the handler of ours that alone would get the LogRecord, and would take from it what we know already.

    None where anything else may see or change it: a filter, another handler or formatter, a factory of records.
    Most sites are the former, and a LogRecord and its way cost as much as the line.
    """
    logger: logging.Logger | None = _request_logger
    if _request_logger.filters or logging.getLogRecordFactory() is not logging.LogRecord:
        return None
    found: logging.Handler | None = None
    while logger is not None:
        if logger.handlers:
            if found is not None or len(logger.handlers) > 1:
                return None
            found = logger.handlers[0]
        logger = logger.parent if logger.propagate else None
    return found if isinstance(found, LineHandler) and found.is_plain() else None
