"""What the settings say of logging, for a server's master process, which must not import them.

Settings import what they like: a database driver, a client that starts threads. A process cannot forget that again:
for a worker class that patches (gevent) and for a reload that reads the code anew, it would be too late. So they are
read in a child, which ends.
"""

from __future__ import annotations

import logging
import marshal
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from django_ops.logs.service import SERVICE

_DICT_CONFIG = "logging.config.dictConfig"  # LOGGING_CONFIG's default
_OURS = "django_ops."
#: Whose handlers and formatters import nothing that a worker class must patch first.
_KNOWN = (_OURS, "logging.", "pythonjsonlogger.")
#: Handlers that hand records on to others.
_INDIRECT = ("queue", "target", "handlers")
_LOGGERS = ("gunicorn", "django_ops", "py.warnings")


@dataclass(frozen=True)
class Site:
    """What a settings module says."""

    #: What `logging.config.dictConfig` of a master takes; None where LOGGING is not used.
    logging: dict[str, Any] | None = None
    #: The settings that name the service.
    service: dict[str, Any] | None = None
    #: Why the settings cannot be read; "" where they can.
    problem: str = ""


def read(module_name: str) -> Site:
    """Import a settings module in a child process, and return what it says. Raises nothing but interrupts."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        return Site(problem=repr(error))
    if not pid:
        _answer(module_name, reader, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        try:
            # one object, and not all up to the end: what the settings start may keep the pipe open
            return Site(*marshal.load(pipe))  # noqa: S302 - from our own child
        except (EOFError, ValueError, TypeError):
            return Site(problem="the child process that read the settings died")
        finally:
            _reap(pid)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:  # gunicorn before 24 reaps every child in its signal handler
        pass


def _answer(module_name: str, reader: int, writer: int) -> None:
    """Write what the settings say, and end this process without what others have left to be done at its end."""
    try:
        os.close(reader)
        # the workers will say the same
        logging.disable()
        warnings.simplefilter("ignore")
        found = look(module_name)
        with os.fdopen(writer, "wb") as pipe:
            marshal.dump((found.logging, found.service, found.problem), pipe)
    finally:
        os._exit(0)


def look(module_name: str) -> Site:
    """Import a settings module, and return what it says. Raises KeyboardInterrupt only."""
    try:
        module = import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Site(problem=repr(error))
    service = {name: value for name in SERVICE if type(value := getattr(module, name, None)) is str}
    wanted = getattr(module, "LOGGING", None)
    if getattr(module, "LOGGING_CONFIG", _DICT_CONFIG) != _DICT_CONFIG or not wanted:
        return Site(None, service)
    try:
        usable = for_a_master(wanted)
        marshal.dumps(usable)  # or it cannot be told
    except Exception as error:
        return Site(None, service, repr(error))
    return Site(usable, service)


def for_a_master(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of LOGGING needs no class but Python's and ours, and no filter."""
    described = {name: one for name, one in config.get("handlers", {}).items() if _kind(one)}
    described_formatters = config.get("formatters", {}).items()
    formatters = {name: dict(one) for name, one in described_formatters if _kind(one) and _can_be_told(dict(one))}
    handlers = {name: _without_theirs(one, formatters) for name, one in described.items()}

    def logger(one: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: one[key] for key in ("level", "propagate") if key in one}
        return {**kept, "handlers": [name for name in one.get("handlers", ()) if handlers.get(name)]}

    loggers = {name: logger(one) for name, one in config.get("loggers", {}).items() if name.startswith(_LOGGERS)}
    root = logger(config.get("root", {}))
    used = {name for one in (root, *loggers.values()) for name in one["handlers"]}
    return {
        "version": config["version"],
        "disable_existing_loggers": False,
        "formatters": formatters,
        "handlers": {name: handlers[name] for name in used},
        "loggers": loggers,
        "root": root,
    }


def _kind(described: Mapping[str, Any]) -> str:
    """Return the class of a handler or formatter that may be imported, and "" for others."""
    kind = described.get("()", described.get("class", "logging.Formatter"))
    theirs = not isinstance(kind, str) or not kind.startswith(_KNOWN) or not described.keys().isdisjoint(_INDIRECT)
    return "" if theirs else str(kind)


def _without_theirs(handler: Mapping[str, Any], formatters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a handler without a filter or formatter of the site; {} where it may not be without."""
    kept = {key: str(value) if isinstance(value, Path) else value for key, value in handler.items() if key != "filters"}
    if kept.get("formatter") not in formatters:
        kept.pop("formatter", None)
    # Python's may format what a filter has added, or be meant for development only
    is_usable = kept.keys() == handler.keys() or _kind(handler).startswith(_OURS)
    return kept if is_usable and _can_be_told(kept) else {}


def _can_be_told(described: dict[str, Any]) -> bool:
    """Tell whether the child process can pass it on: not an object, such as the `atTime` of a rotating handler."""
    try:
        marshal.dumps(described)
    except ValueError:
        return False
    return True
