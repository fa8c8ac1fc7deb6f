"""What the processes of all slots have counted becomes one number per series."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import REGISTRY, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from django_ops.metrics import client, layout, store
from django_ops.metrics.catalog import FAMILIES
from django_ops.metrics.families import Gauge
from django_ops.metrics.layout import Key
from django_ops.metrics.slots import client_files, label_of
from django_ops.record import process, slot

logger = logging.getLogger(__name__)

Entries = list[tuple[Key, list[float]]]


class Slot(NamedTuple):
    """What one slot's file says."""

    label: str
    entries: Entries
    is_alive: bool  # whether the process that wrote it still lives
    bounds: tuple[float, ...]  # of its latency histograms


def read_slots() -> list[Slot]:
    """Return the numbers of this process, and of all others where there is a slot directory.

    A file that cannot be read, or not to its end, does not hide the others (client_python#357).
    """
    mine, where = store.active(), slot.directory()
    if where is None:
        return [Slot("", list(mine.entries()), True, store.latency_bounds)]
    slots = [] if mine.path is not None else [Slot("", list(mine.entries()), True, store.latency_bounds)]
    for path in sorted(where.glob(f"metrics-*{store.SUFFIX}")):
        try:
            entries = list(layout.vectors(path.read_bytes()))
        except OSError as error:
            logger.warning("the metrics in %s cannot be read: %s", path, error)
            continue
        holder = _vector_of(entries, store.HOLDER)
        is_alive = len(holder) == 2 and process.is_alive(holder[0], holder[1])
        slots.append(Slot(label_of(path), entries, is_alive, tuple(_vector_of(entries, store.BOUNDS))))
    return slots


def _vector_of(entries: Entries, name: str) -> list[float]:
    return next((vector for key, vector in entries if key == (name,)), [])


def add_up(slots: Iterable[Slot]) -> dict[Key, list[float]]:
    """Add up what can be added: counters of all slots, gauges of live processes."""
    merged: dict[Key, list[float]] = {}
    for read in slots:
        _merge(merged, read)
    return merged


def _merge(merged: dict[Key, list[float]], read: Slot) -> None:
    now = time.time()
    has_same_bounds = read.bounds == store.latency_bounds
    for key, vector in ((part, vector) for whole, vector in read.entries for part in layout.parts(whole)):
        family = FAMILIES.get(key[0])
        # a file may come from another release of this code: what it calls otherwise is passed over
        if family is None or len(vector) != family.length or len(key) != 1 + len(family.labels):
            continue
        if isinstance(family, Gauge):
            if not read.is_alive or family.is_expired(vector, now):
                continue
            vector = vector[:1]
            present = merged.get(key)
            merged[key] = vector if present is None else [family.merge(present[0], vector[0])]
        elif _can_be_added(vector) and (has_same_bounds or not getattr(family, "has_latency_bounds", False)):
            present = merged.get(key)
            merged[key] = vector if present is None else [a + b for a, b in zip(present, vector, strict=True)]


def _can_be_added(vector: list[float]) -> bool:
    """Tell whether one can count to these numbers; a scraper would refuse the whole exposition for others."""
    return min(vector) >= 0.0 and sum(vector) < float("inf")


def of_others(slots: Iterable[Slot]) -> Iterator[Metric]:
    """Yield what others made with prometheus_client: of all slots where there is a slot directory.

    What cannot be read of it is logged and passed over.
    """
    where = slot.directory()
    try:
        if where is None:
            yield from REGISTRY.collect()
        else:
            ended = {read.label for read in slots if not read.is_alive}
            yield from _of_all_slots(where, ended)
    except Exception:
        logger.exception("the metrics of prometheus_client cannot be read")


def _of_all_slots(where: Path, ended: set[str]) -> Iterable[Metric]:
    files = [
        path for path in client_files(where) if label_of(path) not in ended or not path.name.startswith("gauge_live")
    ]
    try:
        return _read_together(files)
    except Exception as error:  # a dozen kinds for a torn file (client_python#599, #329)
        readable = [path for path in files if client.is_readable(path)]
        logger.warning("%s files of prometheus_client cannot be read: %s", len(files) - len(readable), error)
        return _read_together(readable)


def _read_together(files: Iterable[Path]) -> list[Metric]:
    return list(MultiProcessCollector.merge([str(path) for path in files]))  # type: ignore[no-untyped-call]
