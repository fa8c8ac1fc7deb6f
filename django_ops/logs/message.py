"""The text of a log record, whatever was passed as message and arguments."""

from __future__ import annotations

import logging
from typing import Any

from django_ops.logs.labels import LabelMaker
from django_ops.logs.plain import Walk
from django_ops.logs.shrink import bounded

LONGEST_MESSAGE = 8192  # characters

#: Objects that show the query string when they are printed.
_REQUESTS = frozenset(
    (
        ("django.http.request", "HttpRequest"),
        ("rest_framework.request", "Request"),
        ("starlette.requests", "HTTPConnection"),
    )
)
_NOT_SHOWN = "(not shown)"
#: Keys of a message that is a dict, in the order in which they are taken for its text.
_TEXT_KEYS = ("message", "event", "msg")


def message_of(record: logging.LogRecord, maker: LabelMaker) -> str:
    """Return the message of `record`, masked and bounded; what is wrong with it becomes a problem of `maker`."""
    template: Any = record.msg
    arguments = record.args
    if type(template) is str and not arguments:
        return bounded(template, LONGEST_MESSAGE)
    if type(template) is dict and not arguments:
        return _message_of_dict(template, maker)
    try:
        return bounded(str(template) % _presentable(arguments) if arguments else str(template), LONGEST_MESSAGE)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        maker.problem("message", error)
    return bounded(" ".join((_text(template), *map(_text, _several(arguments)))), LONGEST_MESSAGE)


def _message_of_dict(fields: dict[Any, Any], maker: LabelMaker) -> str:
    """Take the text out of a message that is a dict, as other JSON formatters do; the rest becomes labels."""
    rest = dict(fields)
    text = next((rest.pop(key) for key in _TEXT_KEYS if type(rest.get(key)) is str), "")
    maker.add_all(rest.items())
    return bounded(text, LONGEST_MESSAGE)


def _presentable(arguments: Any) -> Any:
    if type(arguments) is tuple:
        return tuple(map(_presentable_one, arguments))
    if type(arguments) is dict:
        return {key: _presentable_one(value) for key, value in arguments.items()}
    return arguments


def _presentable_one(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int or not any((base.__module__, base.__name__) in _REQUESTS for base in kind.__mro__):
        return value
    return f"<{kind.__name__} {getattr(value, 'method', '')} {getattr(value, 'path', '')}>"


def _several(arguments: Any) -> Any:
    return arguments if type(arguments) is tuple else (arguments,) if arguments else ()


def _text(value: object) -> str:
    try:
        return Walk().text(value)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        return _NOT_SHOWN
