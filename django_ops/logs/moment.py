"""Reads who is running and what was raised when a log record is made: its handler may be another thread, later."""

from __future__ import annotations

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
    """What was true when a record was made: the ids of the request or task, and the exception with its traceback."""

    __slots__ = ("error", "identity", "traceback")

    def __init__(self, error: BaseException | None = None, traceback: TracebackType | None = None) -> None:
        self.identity = _identity()
        self.error = error
        self.traceback = traceback

    def __reduce__(self) -> Any:
        """Go to another process, which may not know this class, as a dict; a traceback could not go at all."""
        fields = None if self.error is None else error_fields(self.error, self.traceback)
        return dict, ({"identity": self.identity and tuple(self.identity), "error": fields},)


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


def error_of(attributes: dict[str, Any]) -> dict[str, str] | None:
    """Return the `error` of a record whose exception a QueueHandler took away, or None.

    `QueueHandler.prepare` leaves None as `args`, which no logger does: a filter that takes the exception away
    means it.
    """
    moment = attributes.get(ATTRIBUTE)
    if moment is None or attributes.get("args", ()) is not None or attributes.get("exc_info") is not None:
        return None
    if type(moment) is dict:
        return moment.get("error")
    return None if moment.error is None else error_fields(moment.error, moment.traceback)


_make_record: Any = None  # the factory that was there before ours

#: Our factory, where there was none but Python's before it; else None.
plain_factory: Any = None


def _factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record: logging.LogRecord = _make_record(*args, **kwargs)
    information = record.exc_info
    if type(information) is tuple and len(information) == 3:
        moment = Moment(information[1], information[2])
    else:
        moment = Moment()
    record.__dict__[ATTRIBUTE] = moment
    return record


def install() -> None:
    """Read the moment of every record that is made from now on."""
    global _make_record, plain_factory
    if _make_record is None:
        _make_record = logging.getLogRecordFactory()
        plain_factory = _factory if _make_record is logging.LogRecord else None
        logging.setLogRecordFactory(_factory)
