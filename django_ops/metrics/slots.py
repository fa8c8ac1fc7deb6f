"""The slot directory: what an earlier server left in it, and the files that prometheus_client keeps there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from django_ops.exceptions import SlotError
from django_ops.metrics import client, store
from django_ops.patches import patch
from django_ops.record import slot

logger = logging.getLogger(__name__)

#: prometheus_client's files by kind. Not "*.db": a directory that was named by mistake may hold a database.
_CLIENT_FILES = ("counter_*.db", "gauge_*_*.db", "histogram_*.db", "summary_*.db")


def install() -> None:
    """Make the metrics that others define with prometheus_client from now on belong to slots as well.

    Without a slot directory there is nothing to do. Claims no slot before a metric is used.
    """
    if slot.directory() is not None:
        patch(values, "MmapedDict", lambda theirs: client.SlotFile)
        patch(values, "ValueClass", lambda theirs: client.SlotValue)


def client_files(where: Path) -> Iterator[Path]:
    """Yield prometheus_client's files."""
    for pattern in _CLIENT_FILES:
        yield from where.glob(pattern)


def label_of(path: Path) -> str:
    """Return the slot that a metrics file belongs to, or the process id in the names that others gave."""
    return path.stem.rpartition("-" if path.suffix == store.SUFFIX else "_")[2]


def wipe(where: Path) -> None:
    """Remove the files of slots that nobody holds: what an earlier server left behind.

    Raises nothing: a server whose metrics cannot be tidied can still serve.
    """
    files: dict[str, list[Path]] = {}
    try:
        for path in [*where.glob(f"metrics-*{store.SUFFIX}"), *client_files(where)]:
            files.setdefault(label_of(path), []).append(path)
        for label, paths in files.items():
            # the lock files stay: to remove one while another process opens it would give a slot away twice
            with slot.unless_held(where, label) as free:
                if free or _is_ours_and_unused(label):
                    for path in paths:
                        path.unlink(missing_ok=True)
    except (OSError, SlotError) as error:
        logger.warning("the slot directory %s cannot be emptied: %s", where, error)


def _is_ours_and_unused(label: str) -> bool:
    """Tell whether this process holds the slot, and has not opened its files yet."""
    return label == slot.label() and not store.is_open() and client.named() != label


def forget(label: str) -> None:
    """Drop the live gauges of a slot whose process has ended. Raises nothing."""
    where = slot.directory()
    if where is not None:
        try:
            mark_process_dead(label, str(where))  # type: ignore[no-untyped-call]
        except OSError as error:
            logger.warning("the gauges of slot %s cannot be removed: %s", label, error)
