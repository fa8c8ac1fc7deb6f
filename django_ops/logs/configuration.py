"""`logging_config()`: the dict for Django's LOGGING, so that every line of the process goes one way."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.logs.console import DEVELOPMENT_SERVER, ConsoleHandler, FileAndConsoleHandler
from django_ops.logs.files import MEBIBYTE, SlotFileHandler
from django_ops.logs.handler import LineHandler
from django_ops.logs.rotation import SECONDS_PER_DAY
from django_ops.logs.standard_output import STANDARD_ERROR, STANDARD_OUTPUT, StandardOutputHandler
from django_ops.record import command
from django_ops.record.context import current

HANDLER = "django_ops"

#: Loggers whose libraries give them handlers of their own; here they speak through the root.
_JOINED = (
    "django", "gunicorn.error", "uvicorn", "uvicorn.error", "uvicorn.asgi", "hypercorn.error", "daphne", "waitress",
    "_granian", "celery", "py.warnings",
)  # fmt: skip
#: Servers, whose errors are also said on standard error where lines go to files: a server that cannot start, such as
#: on a port that is taken, is looked for there.
_SERVERS = ("gunicorn.error", "uvicorn", "daphne", "celery")
_TERMINAL = "terminal"
#: Access logs, which the request line replaces.
_SILENCED = ("gunicorn.access", "uvicorn.access", "hypercorn.access", "granian.access")

_OPTIONS: dict[str, Any] = {
    "level": "INFO",
    "directory": None,
    "name": "django",
    "max_bytes": 50 * MEBIBYTE,
    "max_age_seconds": SECONDS_PER_DAY,
    "backup_count": 10,
    "backup_days": 14,
    "loggers": {},
    "capture_warnings": True,
    "console": None,
}
_LIMITS = ("max_bytes", "max_age_seconds", "backup_count", "backup_days")


def logging_config(**overrides: Any) -> dict[str, Any]:
    """Return the dict for `LOGGING`; it reads no setting, as settings call it while they load.

    level: of the root logger, "INFO" by default.
    directory: where the files `<name>.<slot>.jsonl` go; None (the default) or "" for standard output, and for
        standard error in management commands, whose standard output is their result.
    name: the stem of the files, "django".
    max_bytes, max_age_seconds: when a file is rotated; 50 MiB and a day. None for never.
    backup_count, backup_days: how many rotated files are kept per slot, and for how long; 10 and 14. None for all.
    loggers: further loggers: a level, or what `logging.config` understands, by name.
    capture_warnings: whether Python's warnings become lines of the logger `py.warnings`.
    console: whether readable lines go to standard error: beside the files, or in the place of the lines on standard
        output. None, the default: while DEBUG is True.

    Raises ImproperlyConfiguredError, which names the option, for an unknown one or a value that cannot be used.
    """
    for name in overrides:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, 1)
            hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(_OPTIONS)}."
            raise ImproperlyConfiguredError(f"logging_config() has no option {name}.{hint}")
    options = {**_OPTIONS, **overrides}
    _validate(options)
    options["directory"] = options["directory"] or None  # a variable that is there and empty
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "require_debug_false": {"()": "django.utils.log.RequireDebugFalse"},
            "untold": {"()": "django_ops.logs.configuration.Untold"},
        },
        "handlers": {
            HANDLER: {
                "()": "django_ops.logs.configuration.make_handler",
                "capture_warnings": options["capture_warnings"],
                "console": options["console"],
                **{name: options[name] for name in ("directory", "name", *_LIMITS)},
            },
            "mail_admins": {
                "class": "django.utils.log.AdminEmailHandler",
                "level": "ERROR",
                "filters": ["require_debug_false"],
            },
            "null": {"class": "logging.NullHandler"},
            _TERMINAL: {"class": "django_ops.logs.terminal.TerminalHandler"},
        },
        "root": {"level": options["level"], "handlers": [HANDLER]},
        "loggers": _loggers(options["loggers"], to_files=options["directory"] is not None),
    }


def _loggers(further: Mapping[str, Any], *, to_files: bool) -> dict[str, Any]:
    loggers: dict[str, Any] = {name: {"handlers": [], "propagate": True} for name in _JOINED}
    loggers |= {name: {"handlers": ["null"], "propagate": False} for name in _SILENCED}
    loggers[DEVELOPMENT_SERVER] = {"handlers": [], "filters": ["untold"], "propagate": True}
    loggers["django"]["handlers"] = ["mail_admins"]  # as Django has it, for those who set ADMINS
    if to_files:
        for name in _SERVERS:
            loggers[name]["handlers"] = [_TERMINAL]
    for name, theirs in further.items():
        loggers[name] = {**loggers.get(name, {}), **({"level": theirs} if isinstance(theirs, str) else theirs)}
    return loggers


class Untold(logging.Filter):
    """Lets `runserver` tell a developer of requests that OpsMiddleware does not tell."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say no within a request: the server speaks before it closes the body, and our line comes when it does.

        Without DEBUG it is always no, as these lines have the query string.
        """
        return current.get() is None and settings.configured and bool(settings.DEBUG)


def make_handler(
    directory: str | Path | None, capture_warnings: bool, console: bool | None = None, **file_options: Any
) -> LineHandler:
    """Make the one handler that `logging_config()` describes."""
    logging.captureWarnings(capture_warnings)
    # Only one that logs while its settings load, or knows no settings, finds them not configured.
    wants_console = console if console is not None else settings.configured and settings.DEBUG
    readable = ConsoleHandler(in_debug_only=console is None) if wants_console else None
    if directory is None:
        return readable or StandardOutputHandler(descriptor=STANDARD_OUTPUT if command.serves() else STANDARD_ERROR)
    if readable is not None:
        return FileAndConsoleHandler(readable, directory, **file_options)
    return SlotFileHandler(directory, **file_options)


def _validate(options: dict[str, Any]) -> None:
    level = options["level"]
    if not isinstance(level, str) or not isinstance(logging.getLevelName(level), int):
        raise _wrong("level", 'the name of a level such as "INFO"', level)
    if not isinstance(options["directory"], (str, Path, type(None))):
        raise _wrong("directory", "a path, or None for standard output", options["directory"])
    for switch in ("capture_warnings", "console"):
        if options[switch] not in (True, False, _OPTIONS[switch]):
            raise _wrong(switch, "True or False", options[switch])
    name = options["name"]
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        raise _wrong("name", "the stem of a file name", name)
    for limit in _LIMITS:
        value = options[limit]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (is_number and (value > 0 or (value == 0 and limit == "backup_count"))):
            raise _wrong(limit, "a number above 0, or None for no limit", value)
    if not isinstance(options["loggers"], Mapping):
        raise _wrong("loggers", "a dict from names to levels or dicts", options["loggers"])


def _wrong(option: str, expected: str, value: object) -> ImproperlyConfiguredError:
    return ImproperlyConfiguredError(f"logging_config({option}=...) must be {expected}, not {value!r:.80}")
