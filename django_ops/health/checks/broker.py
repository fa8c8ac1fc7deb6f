"""Can tasks be sent? By a connection of its own to Celery's broker."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.module_loading import import_string

from django_ops import extras
from django_ops.conf import conf
from django_ops.health.check import Check


def broker(app_path: str = "") -> list[Check]:
    """Make the check of a Celery app's broker; without a dotted path that of the default app.

    That is the first one which was made with DJANGO_SETTINGS_MODULE set. A current app would be another one in
    each thread.
    """
    return [Check(f"broker:{app_path}" if app_path else "broker", partial(connect, app_path))]


def connect(app_path: str = "") -> None:
    """Connect to the broker as a publisher does, and close the connection.

    Raises what the transport raises, ImportError for a wrong path, and MissingExtraError without Celery.
    """
    celery: Any = extras.require("celery")
    app = import_string(app_path) if app_path else celery.current_app
    timeout_seconds = conf.OPS_READYZ_TIMEOUT_SECONDS
    connection = app.connection_for_write()
    options = {**(connection.transport_options or {})}
    options.update(socket_connect_timeout=timeout_seconds, socket_timeout=timeout_seconds)
    with connection.clone(connect_timeout=timeout_seconds, transport_options=options) as own:
        own.ensure_connection(max_retries=1, interval_start=0, timeout=timeout_seconds)
        # virtual transports, such as Redis, connect no earlier than with their first channel
        own.default_channel.close()
