"""The formatter: every record becomes one valid line, whatever is wrong with it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from types import TracebackType
from typing import Any, TypeVar

from pythonjsonlogger.orjson import OrjsonFormatter

from django_ops.logs import moment
from django_ops.logs.encode import encode
from django_ops.logs.errors import error_fields, type_name
from django_ops.logs.fields import ECS_VERSION, LONGEST_LINE_BYTES
from django_ops.logs.fragments import plain_line
from django_ops.logs.labels import LabelMaker
from django_ops.logs.line import LEVELS, Document, Source, log_line, request_line, task_line, timestamp
from django_ops.logs.message import LONGEST_MESSAGE, message_of
from django_ops.logs.records import ATTRIBUTE, REQUEST_LOGGER, STANDARD_ATTRIBUTES
from django_ops.logs.service import origin
from django_ops.logs.shrink import bounded, cut, names_of_cut
from django_ops.record.request import RequestRecord
from django_ops.record.task import TaskRecord

T = TypeVar("T")

LONGEST_NAME = 256  # characters

_CONSTANT = (
    b'{"@timestamp":"%s.000Z","log.level":"error","message":"(a log record that could not be shown)",'
    b'"ecs.version":"'
    + ECS_VERSION.encode()
    + b'","log.logger":"django_ops.logs","service":{"name":"unknown","version":"unknown",'
    b'"environment":"unknown"},"event":{"dataset":"django.log"},"process":{"pid":0},"log.origin":{"file":'
    b'{"name":"unknown","line":0},"function":"unknown"},"django":{"process":{"slot":"unknown"}},'
    b'"labels":{"format_error":"out of stack"}}\n'
)


class LineFormatter(OrjsonFormatter):
    """Formats log records as lines of `docs/reference/log-fields.md`; lets only interrupts through."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        moment.install()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of `record` without its newline."""
        return self.line(record)[:-1].decode()

    def line(self, record: logging.LogRecord, longest_bytes: int = LONGEST_LINE_BYTES) -> bytes:
        """Return the line of `record` with its newline, in at most `longest_bytes`."""
        try:
            attributes = record.__dict__
            ours = attributes.get(ATTRIBUTE)
            kind = type(ours)
            if kind is RequestRecord or kind is TaskRecord:
                document = _line_of_ours(record, attributes, ours)
            else:
                document = _line_of_others(record, attributes)
            return encode(document, longest_bytes)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            try:
                return _last_resort(error)
            except Exception:
                return _constant_line()


def line_of_request(record: RequestRecord, level: int, longest_bytes: int = LONGEST_LINE_BYTES) -> bytes:
    """Return the line of a request that raised nothing, as if a LogRecord had carried it. Raises nothing else."""
    try:
        line = plain_line(record, origin(), level)
    except Exception:  # what follows has an answer to everything
        line = None
    if line is not None and len(line) <= longest_bytes:
        return line
    when = record.started_at + record.duration_ns * 1e-9
    try:
        return encode(request_line(record, origin(), when, LEVELS[level], REQUEST_LOGGER), longest_bytes)
    except Exception as error:
        return _last_resort(error)


def _line_of_ours(record: logging.LogRecord, attributes: dict[str, Any], ours: Any) -> Document:
    maker = LabelMaker()
    message = _message(record, attributes, maker)
    if not STANDARD_ATTRIBUTES.issuperset(attributes):  # somebody's filter was here
        _add_extra(maker, attributes)
    make: Any = request_line if type(ours) is RequestRecord else task_line
    document: Document = make(ours, origin(), record.created, LEVELS.get(record.levelno, "info"), record.name, message)
    if ours.error is not None:
        document["error"] = _error(ours.error, maker)
    _finish(document, maker)
    return document


def _line_of_others(record: logging.LogRecord, attributes: dict[str, Any]) -> Document:
    maker = LabelMaker()
    when, level, name, source = _frame(attributes, maker)
    message = _message(record, attributes, maker)
    identity = _guard(maker, "identity", lambda: moment.identity_of(attributes), None)
    document = log_line(message, origin(), when, level, name, source, identity)
    kept = _guard(maker, "error", lambda: moment.error_of(attributes), None)
    if kept is not None:
        document["error"] = kept
    elif attributes.get("exc_info") is not None or attributes.get("exc_text") is not None:
        error = _guard(maker, "exc_info", lambda: _error_of(attributes, maker), None)
        if error:
            document["error"] = error
    stack_info = _guard(maker, "stack_info", lambda: moment.stack_of(attributes), None)
    if stack_info is not None:
        stack = _guard(maker, "stack_info", lambda: bounded(str(stack_info), LONGEST_MESSAGE), "(not shown)")
        maker.add_ours("stack_info", stack)
    if not STANDARD_ATTRIBUTES.issuperset(attributes):
        _add_extra(maker, attributes)
    _finish(document, maker)
    return document


def _message(record: logging.LogRecord, attributes: dict[str, Any], maker: LabelMaker) -> str:
    if moment.was_queued(attributes):
        text = _guard(maker, "message", lambda: moment.message_of(attributes), None)
        if text is not None:
            return bounded(text, LONGEST_MESSAGE)
    return _guard(maker, "message", lambda: message_of(record, maker), "(not shown)")


def _frame(attributes: dict[str, Any], maker: LabelMaker) -> tuple[float, str, str, Source]:
    """Return what logging itself puts on a record, where it is what it should be."""
    number = attributes.get("levelno")
    level = LEVELS.get(number) if type(number) is int else None
    if level is None:
        level = _guard(maker, "levelname", lambda: _name(attributes["levelname"]).lower(), "info")
    name = _guard(maker, "name", lambda: _name(attributes["name"]), "unknown")
    file = _guard(maker, "filename", lambda: _name(attributes["filename"]), "unknown")
    function = _guard(maker, "funcName", lambda: _name(attributes["funcName"]), "unknown")
    line = attributes.get("lineno")
    when: Any = attributes.get("created")
    try:
        timestamp(when)
    except Exception as error:
        maker.problem("created", error)
        when = time.time()
    return when, level, name, Source(file, line if type(line) is int and 0 <= line < 2**31 else 0, function)


def _name(value: object) -> str:
    return _bounded_name(value if type(value) is str else "unknown" if value is None else str(value))


@lru_cache(maxsize=512)
def _bounded_name(value: str) -> str:
    return bounded(value, LONGEST_NAME)


def _error_of(attributes: dict[str, Any], maker: LabelMaker) -> dict[str, str] | None:
    information: Any = attributes.get("exc_info")
    error = information[1] if type(information) is tuple and len(information) == 3 else information
    if issubclass(type(error), BaseException):
        return _error(error, maker, information[2] if type(information) is tuple else None)
    if information is not None and error is not None and error is not False:
        maker.problem("exc_info", f"is a {type(error).__name__}")
    text = attributes.get("exc_text")  # another handler has formatted it, and a queue took the exception away
    return {"stack_trace": bounded(str(text), LONGEST_MESSAGE)} if text is not None else None


def _error(error: BaseException, maker: LabelMaker, traceback: Any = None) -> dict[str, str]:
    frames = traceback if type(traceback) is TracebackType else None
    return _guard(maker, "error", lambda: error_fields(error, frames), None) or {"type": type_name(error)}


def _add_extra(maker: LabelMaker, attributes: dict[str, Any]) -> None:
    maker.add_all([item for item in list(attributes.items()) if item[0] not in STANDARD_ATTRIBUTES])


def _finish(document: Document, maker: LabelMaker) -> None:
    labels = maker.finish()
    shortened = [
        *names_of_cut({"message": document["message"]}, ""),
        *names_of_cut(document.get("error", {}), "error."),
        *names_of_cut(labels, "labels."),
    ]
    if shortened:
        labels["format_cut"] = cut(" ".join(shortened), LONGEST_NAME)
    if labels:
        document["labels"] = labels


def _constant_line() -> bytes:
    """Return a line that needs next to no stack."""
    return _CONSTANT % time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()).encode()


def _guard(maker: LabelMaker, what: str, make: Callable[[], T], otherwise: T) -> T:
    try:
        return make()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        maker.problem(what, error)
        return otherwise


def _last_resort(error: BaseException) -> bytes:
    """Return a line that takes nothing from the record."""
    document = log_line(
        "(a log record that could not be shown)",
        origin(),
        time.time(),
        "error",
        "django_ops.logs",
        Source("unknown", 0, "unknown"),
        None,
    )
    document["labels"] = {"format_error": type(error).__name__}
    return encode(document)
