"""Reads who is running and what was raised when a log record is made: its handler may be another thread, later."""

from __future__ import annotations

import json
import logging
from types import TracebackType
from typing import Any

from django_ops.logs.errors import error_fields
from django_ops.record import telemetry
from django_ops.record.context import current
from django_ops.record.identity import Identity

#: The attribute of a LogRecord that has its Moment. Sentry and JSON formatters leave out what begins with "_".
ATTRIBUTE = "_ops_moment"


class Moment:
    """What was true when a record was made: the ids of the request or task, and what a QueueHandler takes apart."""

    __slots__ = ("args", "error", "identity", "msg", "stack_info", "traceback")

    def __init__(self) -> None:
        self.identity = _identity()
        self.error: BaseException | None = None
        self.traceback: TracebackType | None = None
        self.msg: Any = None  # these two only where there is an exception or a stack, as text follows theirs there
        self.args: Any = None
        self.stack_info: str | None = None

    def keep(self, record: logging.LogRecord) -> None:
        """Keep what is to be told of a record with an exception or a stack. The values are read when it is shown."""
        information = record.exc_info
        if type(information) is tuple and len(information) == 3:
            self.error, self.traceback = information[1:]
        self.msg, self.args, self.stack_info = record.msg, record.args, record.stack_info

    def has_more(self) -> bool:
        """Tell whether a formatter writes something below the message."""
        return self.error is not None or self.stack_info is not None

    def text(self) -> str:
        """Return the message. Raises whatever its arguments raise."""
        return str(self.msg) % self.args if self.args else str(self.msg)

    def __reduce__(self) -> Any:
        """Go to another process, which may not know this class, as a dict; a traceback could not go at all."""
        fields = {
            "identity": self.identity and tuple(self.identity),
            "error": None if self.error is None else error_fields(self.error, self.traceback),
            "text": self.text() if self.has_more() else None,
            "stack_info": self.stack_info,
        }
        # as JSON, as there may be texts of a class of Django's among them
        return json.loads, (json.dumps(fields),)


def _identity() -> Identity | None:
    context = current.get()
    return None if context is None else telemetry.within_span(context.identity)


def identity_of(attributes: dict[str, Any]) -> Identity | None:
    """Return the ids of whatever ran when the record with these attributes was made."""
    moment = attributes.get(ATTRIBUTE)
    if type(moment) is Moment:
        return moment.identity
    if type(moment) is dict:  # from another process
        identity = moment.get("identity")
        return Identity(*identity) if identity else None
    return _identity()  # made by somebody else's factory


def was_queued(attributes: dict[str, Any]) -> bool:
    """Tell whether a QueueHandler made a record's text: its `prepare` leaves None as `args`, which no logger does."""
    return attributes.get("args", ()) is None


def error_of(attributes: dict[str, Any]) -> dict[str, str] | None:
    """Return the `error` of a record whose exception a QueueHandler took away, or None.

    If a filter removed the exception, it stays removed.
    """
    moment = attributes.get(ATTRIBUTE)
    if moment is None or not was_queued(attributes) or attributes.get("exc_info") is not None:
        return None
    if type(moment) is dict:
        error = moment.get("error")
        return error if type(error) is dict else None
    return None if moment.error is None else error_fields(moment.error, moment.traceback)


def stack_of(attributes: dict[str, Any]) -> Any:
    """Return the `stack_info` of a record, also where a QueueHandler has put it into the text."""
    moment = attributes.get(ATTRIBUTE)
    if attributes.get("stack_info") is None and moment is not None and was_queued(attributes):
        return moment.get("stack_info") if type(moment) is dict else moment.stack_info
    return attributes.get("stack_info")


def message_of(attributes: dict[str, Any]) -> str | None:
    """Return the text that a QueueHandler made, without the exception and stack below it; None where there are none.

    It ends where the message ends. Where a filter has changed the message since, that is not found, and all stays.
    """
    moment, shown = attributes.get(ATTRIBUTE), attributes.get("msg")
    if type(moment) is dict:
        text = moment.get("text")
    else:
        text = moment.text() if moment is not None and moment.has_more() else None
    if text is None or not isinstance(shown, str):
        return None
    before, newline, _ = shown.partition(text if text.endswith("\n") else f"{text}\n")
    return f"{before}{text}" if newline else shown


_make_record: Any = None  # the factory that was there before ours

#: Our factory, where there was none but Python's before it; else None.
plain_factory: Any = None


def _factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record: logging.LogRecord = _make_record(*args, **kwargs)
    moment = Moment()
    if record.exc_info is not None or record.stack_info is not None:
        moment.keep(record)
    record.__dict__[ATTRIBUTE] = moment
    return record


def install() -> None:
    """Read the moment of every record that is made from now on."""
    global _make_record, plain_factory
    if _make_record is None:
        _make_record = logging.getLogRecordFactory()
        plain_factory = _factory if _make_record is logging.LogRecord else None
        logging.setLogRecordFactory(_factory)
