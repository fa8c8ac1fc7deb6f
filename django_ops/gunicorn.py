"""What gunicorn needs: put `from django_ops.gunicorn import *` at the top of `gunicorn.conf.py`.

Gives each worker a slot before it is forked, empties the slot directory at start, drains before the listener
closes, and sends gunicorn's own messages through the site's log.
"""

from __future__ import annotations

import logging
import logging.config
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gunicorn import glogging

from django_ops.health import gunicorn_drain
from django_ops.logs import logging_config
from django_ops.metrics import slots
from django_ops.record import slot

__all__ = ["accesslog", "child_exit", "logger_class", "on_exit", "on_starting", "pre_fork", "when_ready"]

accesslog = None  # one line per request is ours to write

_own_directory: Path | None = None
if slot.directory() is None:
    # before anything imports prometheus_client, which reads the variable once
    _own_directory = Path(tempfile.mkdtemp(prefix="django-ops-"))
    os.environ[slot.DIRECTORY_VARIABLE] = str(_own_directory)
slots.install()


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's messages as lines of the site's log; no access log."""

    def setup(self, cfg: Any) -> None:
        """Configure logging as the site does. Where its settings cannot be read, log to stdout."""
        super().setup(cfg)
        logging.config.dictConfig(site_logging())
        self.error_log.handlers.clear()
        self.error_log.propagate = True

    @property
    def access_log_enabled(self) -> bool:
        """Whether gunicorn writes a line per request: never, as ours is written when the body is closed."""
        return False

    def access(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""


logger_class = Logger


def site_logging() -> dict[str, Any]:
    """Return LOGGING of the site's settings, or a configuration for stdout when they cannot be read."""
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        try:
            from django.conf import settings

            configured: dict[str, Any] = settings.LOGGING
        except Exception as error:
            # the workers will fail on it, and say so through this log
            fallback = logging_config()
            logging.getLogger(__name__).debug("the settings cannot be read: %s", error)
            return fallback
        if configured:
            return configured
    return logging_config()


def on_starting(server: Any) -> None:
    """Empty the slot directory of what an earlier server left, and mark this process as the master."""
    where = slot.directory()
    if where is not None:
        where.mkdir(parents=True, exist_ok=True)
        slots.wipe(where)
    slot.be_main()


def when_ready(server: Any) -> None:
    """From now on SIGTERM drains first."""
    gunicorn_drain.install_gunicorn_drain(server)


def pre_fork(server: Any, worker: Any) -> None:
    """Hand a slot to the worker that is forked next."""
    worker.ops_slot = slot.reserve_for_next_fork()


def child_exit(server: Any, worker: Any) -> None:
    """Take the slot of a worker that has ended, however it ended, for the next one."""
    label = getattr(worker, "ops_slot", None)
    if label is not None:
        slots.forget(label)
        slot.release(label)


def on_exit(server: Any) -> None:
    """Remove the slot directory where this server made it."""
    if _own_directory is not None and slot.label() == slot.MAIN:
        shutil.rmtree(_own_directory, ignore_errors=True)
