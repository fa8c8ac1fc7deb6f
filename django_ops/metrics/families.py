"""The three kinds of metrics, and how one observation reaches its vector."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable
from typing import ClassVar

from django_ops.conf import LATENCY_BUCKETS_SECONDS, Configuration
from django_ops.metrics import layout
from django_ops.metrics import store as stores
from django_ops.metrics.layout import Key
from django_ops.metrics.store import Store

#: What values beyond a label's limit are folded into.
OTHER = "__other__"

_LONGEST_LABEL_VALUE = 200

#: Every family by its exposed name, in the order of the catalog.
registry: dict[str, Family] = {}


class Family:
    """One metric: its exposed name, labels and help."""

    kind: ClassVar[str]
    length: int = 1  # how many doubles one child has
    is_live: bool = False  # whether each process begins at 0, whatever the last holder of its slot left

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...] = ()) -> None:
        if name in registry:
            raise ValueError(f"the metric {name} is defined twice")
        self.name = name
        self.help_text = help_text
        self.labels = labels
        registry[name] = stores.definitions[name] = self

    def offset(self, store: Store, *values: str) -> int:
        """Return where the child with these label values begins, folding values beyond the limit."""
        offset = store.offsets.get((self.name, *values))
        return store.offset(self.key(store, *values), self.length) if offset is None else offset

    def key(self, store: Store, *values: str) -> Key:
        """Return the key of the child with these label values, folding values beyond the limit."""
        key = (self.name, *values)
        if key in store.offsets:
            return key
        with store.lock:
            return (self.name, *self._folded(store, values))

    def is_known(self, store: Store, *values: str) -> bool:
        """Tell whether these values have a child of their own, which none takes away again."""
        return (self.name, *values) in store.offsets

    def _folded(self, store: Store, values: tuple[str, ...]) -> list[str]:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} takes the labels {self.labels}, not {values}")
        limit = Configuration.OPS_METRICS_LABEL_LIMIT.usable()
        folded = []
        for position, value in enumerate(values):
            value = clean(value)
            seen = store.values_seen.setdefault((self.name, position), set())
            if value not in seen and len(seen) >= limit and value != OTHER:
                on_fold(self.name, self.labels[position])
                value = OTHER
            seen.add(value)
            folded.append(value)
        return folded


def clean(value: str) -> str:
    """Make a label value short and encodable, whatever it was."""
    return value[:_LONGEST_LABEL_VALUE].encode("utf-8", "backslashreplace").decode("utf-8")


class Counter(Family):
    """A number that only rises."""

    kind = "counter"

    def inc(self, *values: str, amount: float = 1.0) -> None:
        """Add `amount` to the child with these label values."""
        store = stores.active()
        offset = self.offset(store, *values)
        with store.lock:
            store.buffer[offset] += amount


class Gauge(Family):
    """A number that rises and falls, of live processes only.

    `merge` says how those of several processes become one: sum or max. A value older than `expires_seconds`
    is not reported, so that one process that is never asked again cannot hold on to what was true once.
    """

    kind = "gauge"
    length = 2  # the value, and the Unix time at which it was set
    is_live = True

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: tuple[str, ...] = (),
        *,
        merge: str = "sum",
        expires_seconds: float | None = None,
    ) -> None:
        super().__init__(name, help_text, labels)
        self.merge: Callable[[float, float], float] = max if merge == "max" else float.__add__
        self.expires_seconds = expires_seconds

    def is_expired(self, vector: list[float], now: float) -> bool:
        """Tell whether a value was set too long ago, or so far ahead that the clock must have jumped."""
        return self.expires_seconds is not None and abs(now - vector[1]) > self.expires_seconds

    def set(self, value: float, *values: str) -> None:
        """Set the child with these label values."""
        store = stores.active()
        offset = self.offset(store, *values)
        with store.lock:
            store.buffer[offset] = float(value)
            store.buffer[offset + 1] = time.time()

    def inc(self, *values: str, amount: float = 1.0) -> None:
        """Add `amount`, which may be negative, to the child with these label values."""
        store = stores.active()
        offset = self.offset(store, *values)
        with store.lock:
            store.buffer[offset] += amount


class Histogram(Family):
    """How often a value fell below each bound. A child is a count per bucket, the last one unbounded, and a sum."""

    kind = "histogram"

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: tuple[str, ...] = (),
        *,
        bounds: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__(name, help_text, labels)
        self.has_latency_bounds = bounds is None
        self.bounds = bounds or LATENCY_BUCKETS_SECONDS

    @property
    def bounds(self) -> tuple[float, ...]:
        """The upper bounds; those of OPS_METRICS_LATENCY_BUCKETS where the metric has none of its own."""
        return self._bounds

    @bounds.setter
    def bounds(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.length = len(bounds) + 2

    def observe(self, value: float, *values: str) -> None:
        """Count `value` in the child with these label values."""
        store = stores.active()
        offset = self.offset(store, *values)
        bounds = self._bounds
        with store.lock:
            store.buffer[offset + bisect_left(bounds, value)] += 1.0
            store.buffer[offset + len(bounds) + 1] += value


def together(store: Store, *children: tuple[Family, tuple[str, ...]]) -> tuple[int, ...]:
    """Return where to add for all of these children, which have the same length.

    That is one place, which counts for each of them when it is read (`layout.parts`). It is the place of each where
    there is no room for it, or where a value was folded: such children are looked up each time.
    """
    keys = [family.key(store, *values) for family, values in children]
    offsets = tuple(store.offset(key, family.length) for key, (family, _) in zip(keys, children, strict=True))
    if any(OTHER in key for key in keys):
        return offsets
    place = store.offset(layout.together(keys), children[0][0].length)
    return offsets if store.is_lost(place) else (place,)


def on_fold(metric: str, label: str) -> None:
    """Count that a value was folded; the counter itself has few values, so this ends."""
    counter = registry.get("django_ops_metric_values_folded_total")
    if isinstance(counter, Counter) and metric != counter.name:
        counter.inc(metric, label)


def read_latency_bounds() -> None:
    """Give the latency histograms the bounds that the settings name, or the default where those are unusable."""
    bounds = Configuration.OPS_METRICS_LATENCY_BUCKETS.usable()
    stores.latency_bounds = tuple(float(bound) for bound in bounds)
    for family in registry.values():
        if isinstance(family, Histogram) and family.has_latency_bounds:
            family.bounds = stores.latency_bounds


stores.before_open.append(read_latency_bounds)
