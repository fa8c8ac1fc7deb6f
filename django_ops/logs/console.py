"""Lines for people: what a developer sees on the terminal, made of the same fields as the JSON line."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.utils import termcolors

from django_ops.logs.files import SlotFileHandler
from django_ops.logs.formatter import LineFormatter
from django_ops.logs.handler import LineHandler
from django_ops.logs.records import REQUEST_LOGGER, TASK_LOGGER
from django_ops.record.request import RequestRecord

#: `runserver`'s, which also tells of what never reaches OpsMiddleware: static files, and requests that are no HTTP. Its
#: labels repeat its message.
DEVELOPMENT_SERVER = "django.server"
#: Loggers whose messages say all; their names would add nothing.
_SPEAKING = (REQUEST_LOGGER, TASK_LOGGER, DEVELOPMENT_SERVER)
#: What a terminal would obey, or what would show text in another order; newlines and tabs stay.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_INDENT = "\n    "

#: What each kind of line looks like, as the developer told Django; None for "nocolor".
_PALETTE: dict[str, Any] | None = termcolors.parse_color_setting(os.environ.get("DJANGO_COLORS", ""))
#: The lowest status of each look that Django's `runserver` has.
_LOOKS = (
    (500, "HTTP_SERVER_ERROR"),
    (405, "HTTP_BAD_REQUEST"),
    (404, "HTTP_NOT_FOUND"),
    (400, "HTTP_BAD_REQUEST"),
    (305, "HTTP_REDIRECT"),
    (304, "HTTP_NOT_MODIFIED"),
    (300, "HTTP_REDIRECT"),
    (200, "HTTP_SUCCESS"),
)


class ConsoleFormatter(LineFormatter):
    """Formats records for a terminal: local time, level, what happened, and tracebacks as Python shows them.

    It shows what the JSON line of the record has, so secrets are masked here too.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and below it what has several."""
        line = orjson.loads(self.line(record))
        return _readable(line, _clock(record), has_colours())


class ConsoleHandler(LineHandler):
    """Writes readable lines to standard error; where `in_debug_only`, while DEBUG is True only."""

    def __init__(self, in_debug_only: bool, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self.in_debug_only = in_debug_only
        self.formatter = ConsoleFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, without asking the filters."""
        # asked each time, as Django does: test runners set DEBUG to False
        if not self.in_debug_only or (settings.configured and settings.DEBUG):
            super().emit(record)

    def write_line(self, line: bytes) -> None:
        """Write to whatever is standard error now, as notebooks and test runners put something else there."""
        if sys.stderr is not None:
            sys.stderr.write(line.decode("utf-8", "replace"))
            sys.stderr.flush()


class FileAndConsoleHandler(SlotFileHandler):
    """Writes each record to the file, and then to the console."""

    def __init__(self, console: ConsoleHandler, directory: str | Path, **options: Any) -> None:
        super().__init__(directory, **options)
        self.console = console

    def write_request(self, record: RequestRecord, level: int) -> bool:
        """Say no: the console needs a LogRecord, not the line alone."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record` twice, without asking the filters."""
        super().emit(record)
        self.console.emit(record)


def has_colours() -> bool:
    """Tell whether standard error is a terminal that shows colours and whose user wants them (no-color.org)."""
    if _PALETTE is None or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stderr is not None and sys.stderr.isatty()


def _readable(line: dict[str, Any], clock: str, coloured: bool) -> str:
    name, message = line["log.logger"], line["message"]
    labels = {} if name == DEVELOPMENT_SERVER else dict(line.get("labels", {}))
    below = [str(labels.pop("stack_info"))] if "stack_info" in labels else []
    error = line.get("error")
    if error:
        below.append(error.get("stack_trace") or ": ".join(filter(None, (error.get("type"), error.get("message")))))
    if name not in _SPEAKING:
        message = f"{name}: {message}"
    head = f"{clock} {line['log.level'].upper():<8} {clean(message).replace(chr(10), _INDENT)}"
    if coloured and (look := _look(line)):
        head = termcolors.colorize(head, **look)
    extra = [*_queries(line), *(f"{name}={value}" for name, value in labels.items())]
    return "\n".join(("  ".join((head, *map(_one_line, extra))), *map(clean, below)))


def _queries(line: dict[str, Any]) -> list[str]:
    database = line.get("django", {}).get("db", {})
    number = database.get("count", 0)
    if not number:
        return []
    return [f"{number} {'query' if number == 1 else 'queries'} {database.get('duration', 0) // 1_000_000}ms"]


def _look(line: dict[str, Any]) -> dict[str, Any]:
    """Return how a line looks: by its status where it has one, else by its level."""
    status = line.get("http", {}).get("response", {}).get("status_code", 0)
    level = "ERROR" if line["log.level"] in ("error", "critical") else line["log.level"].upper()
    name = next((name for lowest, name in _LOOKS if status >= lowest), level)
    look: dict[str, Any] = (_PALETTE or {}).get(name, {})
    return look


def clean(text: str) -> str:
    """Show control characters instead of letting the terminal obey them."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _one_line(text: str) -> str:
    return clean(text).replace("\n", "\\n")


def _clock(record: logging.LogRecord) -> str:
    try:
        return time.strftime("%H:%M:%S", time.localtime(record.created))
    except (TypeError, ValueError, OverflowError, OSError):  # somebody else made the record
        return time.strftime("%H:%M:%S")
