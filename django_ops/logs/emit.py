"""Sends a finished request or task to Python's logging."""

from __future__ import annotations

import logging
from logging import getLogRecordFactory
from types import FunctionType
from typing import Any

from django_ops.logs import moment
from django_ops.logs.handler import LineHandler
from django_ops.logs.records import TASK_LOGGER, log_record, request_logger
from django_ops.record.outcome import Outcome
from django_ops.record.redaction import mask_text
from django_ops.record.request import RequestRecord
from django_ops.record.task import TaskOutcome, TaskRecord

_Logger = type(request_logger)
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
    if not request_logger.isEnabledFor(level):
        return
    if record.error is None:
        handler = _only_handler()
        if handler is not None and handler.write_request(record, level):
            return
    text = f"{record.method} {mask_text(record.path)} {status} {record.duration_ns // 1_000_000}ms"
    request_logger.handle(log_record(request_logger, level, text, record))


def emit_task(record: TaskRecord) -> None:
    """Log a finished run of a task: at INFO for a success, ERROR for a failure, else WARNING."""
    level = _TASK_LEVELS.get(record.outcome, logging.WARNING)
    if _task_logger.isEnabledFor(level):
        text = f"task {record.name} {record.outcome} {record.duration_ns // 1_000_000}ms"
        _task_logger.handle(log_record(_task_logger, level, text, record))


def _pythons_own(name: str) -> Any:
    """Return a method of Logger as Python has it; None where somebody (Sentry, New Relic) has put theirs in its place.

    `type` tells the proxies of wrapt, which show the attributes of what they stand for.
    """
    function = getattr(_Logger, name)
    is_own = (
        type(function) is FunctionType and function.__code__.co_filename == logging.addLevelName.__code__.co_filename
    )
    return function if is_own else None


_OWN_HANDLE, _OWN_CALL_HANDLERS, _OWN_MAKE_RECORD = map(_pythons_own, ("handle", "callHandlers", "makeRecord"))


def _only_handler() -> LineHandler | None:
    """Return the handler of ours that alone would get the LogRecord.

    None where anything else may see or change it: a filter, another handler, a factory of records, or a method of the
    logger that is not Python's. Most sites have none of these, and a LogRecord and its way cost as much as the line.
    """
    logger: logging.Logger | None = request_logger
    if (
        request_logger.filters
        or _Logger.callHandlers is not _OWN_CALL_HANDLERS
        or _Logger.handle is not _OWN_HANDLE
        or _Logger.makeRecord is not _OWN_MAKE_RECORD
        or getLogRecordFactory() is not moment.plain_factory
    ):
        return None
    found: logging.Handler | None = None
    while logger is not None:
        handlers = logger.handlers
        if handlers:
            if found is not None or len(handlers) > 1:
                return None
            found = handlers[0]
        logger = logger.parent if logger.propagate else None
    return found if isinstance(found, LineHandler) else None
