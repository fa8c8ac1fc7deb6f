"""Mistakes in how the site logs: nothing in production, not as JSON, or into a directory that cannot be written."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.log import AdminEmailHandler, RequireDebugTrue
from pythonjsonlogger.core import BaseJsonFormatter

from django_ops.checks.table import mistake
from django_ops.logs.console import ConsoleHandler
from django_ops.logs.files import SlotFileHandler, problem_with
from django_ops.logs.handler import LineHandler

#: Django's default gives it a handler of its own; nothing but `runserver` uses it.
_DEVELOPMENT_SERVER = "django.server"

_CONFIGURE = "Set LOGGING = django_ops.logs.logging_config(), with `directory` for files."


def production_handlers(logger: logging.Logger) -> list[logging.Handler]:
    """Return the logger's handlers that write lines while DEBUG is False."""
    return [
        handler
        for handler in logger.handlers
        if not isinstance(handler, (logging.NullHandler, AdminEmailHandler))
        and not any(isinstance(rule, RequireDebugTrue) for rule in handler.filters)
    ]


def writes_json(handler: logging.Handler) -> bool:
    """Tell whether a handler writes JSON lines in production: ours, or with a formatter of python-json-logger."""
    if isinstance(handler, ConsoleHandler):
        return handler.in_debug_only
    if isinstance(handler, LineHandler) or isinstance(handler.formatter, BaseJsonFormatter):
        return True
    # structlog's and others': their name is all that they share
    return "json" in type(handler.formatter).__name__.lower()


def loggers() -> Iterator[logging.Logger]:
    """Yield the root logger and all others that exist."""
    yield logging.getLogger()
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def log_directories() -> Iterator[Path]:
    """Yield each directory that our handlers write to."""
    seen = set()
    for logger in loggers():
        for handler in logger.handlers:
            if isinstance(handler, SlotFileHandler) and handler.directory not in seen:
                seen.add(handler.directory)
                yield handler.directory


@mistake(
    "E007",
    "Log directory that cannot be written",
    remedy="Make the directory writable for the user who runs the site, or mount a volume there.",
)
def unwritable_log_directory() -> Iterator[str]:
    """The site would serve, and lose every line (`django_ops_log_records_dropped_total` counts them)."""
    for directory in log_directories():
        problem = problem_with(directory)
        if problem is not None:
            yield f"LOGGING: the log directory {problem}."


@mistake("W009", "Nothing is logged while DEBUG is False", remedy=_CONFIGURE, deploy=True)
def logs_in_debug_only() -> Iterator[str]:
    """Django's default logs to the console only while DEBUG is True; in production errors leave no trace but a mail."""
    if not production_handlers(logging.getLogger()):
        yield "LOGGING gives the root logger no handler that writes while DEBUG is False."


@mistake("W010", "The root logger does not write JSON", remedy=_CONFIGURE, deploy=True)
def root_without_json() -> Iterator[str]:
    """Lines without fields cannot be searched, and a traceback becomes as many records as it has lines."""
    handlers = production_handlers(logging.getLogger())
    if handlers and not any(writes_json(handler) for handler in handlers):
        yield "LOGGING gives the root logger no handler with a JSON formatter."


@mistake(
    "W011",
    "A logger goes past the root",
    remedy='Remove "handlers" and "propagate": False from the logger, so that its records reach the root.',
    deploy=True,
)
def loggers_past_the_root() -> Iterator[str]:
    """Its records are lines of another form, and miss the request's id and the masking of secrets."""
    if not any(writes_json(handler) for handler in logging.getLogger().handlers):
        return  # then W009 or W010 says what matters
    for logger in loggers():
        handlers = [] if logger.name == _DEVELOPMENT_SERVER else production_handlers(logger)
        if handlers and not logger.propagate and not any(writes_json(handler) for handler in handlers):
            yield f"LOGGING: the logger {logger.name!r} writes by itself, not as JSON, and does not propagate."


@mistake(
    "W012",
    "Log files where the public can fetch them",
    remedy="Move the log directory out of MEDIA_ROOT and STATIC_ROOT.",
    deploy=True,
)
def public_log_directory() -> Iterator[str]:
    """The web server hands out what lies there, and log files have addresses, paths and user ids."""
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        root = getattr(settings, name, None)
        if not root:
            continue
        for directory in log_directories():
            if directory.resolve().is_relative_to(Path(root).resolve()):
                yield f"LOGGING: the log directory {directory} lies in {name}."
