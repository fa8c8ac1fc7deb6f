"""Makes the metrics that others define with prometheus_client belong to slots as well."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from django_ops.metrics import store
from django_ops.record import slot


def install() -> None:
    """Name prometheus_client's files by slot instead of by process id, for metrics that are made from now on.

    Its own hook: a function that tells processes apart, and may name two processes alike if they do not live
    at the same time. Without a slot directory there is nothing to do.
    """
    if slot.directory() is not None and not hasattr(values.ValueClass, "by_slot"):
        values.ValueClass = values.MultiProcessValue(process_identifier=slot.label)
        values.ValueClass.by_slot = True


def wipe(where: Path) -> None:
    """Remove the files of slots that nobody holds: what an earlier server left behind."""
    free: dict[str, bool] = {}
    for path in [*where.glob(f"metrics-*{store.SUFFIX}"), *where.glob("*.db")]:
        label = path.stem.rpartition("-" if path.suffix == store.SUFFIX else "_")[2]
        if label not in free:
            free[label] = slot.is_free(where, label)
        if free[label]:
            # the lock files stay: to remove one while another process opens it would give a slot away twice
            path.unlink(missing_ok=True)


def forget(label: str) -> None:
    """Drop the live gauges of a slot whose process has ended."""
    where = slot.directory()
    if where is not None:
        mark_process_dead(label, str(where))
