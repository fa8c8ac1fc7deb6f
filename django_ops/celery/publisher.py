"""Tells each message whose request it serves."""

from __future__ import annotations

import time
from typing import Any

from celery.signals import before_task_publish

from django_ops.celery import headers as message_headers
from django_ops.record import telemetry
from django_ops.record.context import current
from django_ops.record.identity import Identity, new_identity


def connect() -> None:
    """Write our headers into every message that this process publishes."""
    before_task_publish.connect(_on_publish, weak=False, dispatch_uid="django_ops.celery.publisher")


def _on_publish(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    if headers is not None:
        message_headers.write(headers, _identity(), time.time())


def _identity() -> Identity:
    """Return the ids of the request or task that publishes; new ones where none does, as in beat or a shell."""
    context = current.get()
    return telemetry.within_span(new_identity() if context is None else context.identity)
