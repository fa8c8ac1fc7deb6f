"""Hands what was measured to a sink, and says what could not be told: nobody must suffer from being measured."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any

from django_ops.metrics.catalog import RECORDS_LOST

#: stderr says at most this often that records are lost.
COMPLAINT_SECONDS = 60.0

_complained_at = float("-inf")


def hand_to(sink: str, take: Callable[..., object], *arguments: Any) -> None:
    """Hand a record or a count to "metrics" or "logs". Raises nothing: it is lost, and `record_lost` says so."""
    try:
        take(*arguments)
    except Exception as error:
        record_lost(sink, error)


def record_lost(sink: str, error: Exception) -> None:
    """Count a lost record, and complain of it on stderr once a minute. Raises nothing."""
    global _complained_at
    try:
        RECORDS_LOST.inc(sink)
    except Exception as another:
        error = another
    now = time.monotonic()
    if now - _complained_at >= COMPLAINT_SECONDS:
        _complained_at = now
        with contextlib.suppress(Exception):
            print(f"django-ops: a record was lost in {sink}: {error!r}", file=sys.stderr)  # noqa: T201
