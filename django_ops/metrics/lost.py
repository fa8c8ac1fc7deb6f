"""Says that a finished request or task could not be told to a sink: it must not suffer from its own measuring."""

from __future__ import annotations

import contextlib
import sys
import time

from django_ops.metrics.catalog import RECORDS_LOST

#: stderr says at most this often that records are lost.
COMPLAINT_SECONDS = 60.0

_complained_at = float("-inf")


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
