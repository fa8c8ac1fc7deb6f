"""For the tests of a project: what it logged, as it would stand in the log file, and what it counted."""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django_ops.logs.handler import LineHandler
from django_ops.metrics.catalog import FAMILIES
from django_ops.metrics.exposition import OpsCollector
from django_ops.metrics.families import Histogram

_OURS = "django_ops"


class _Capture(LineHandler):
    def __init__(self, lines: list[dict[str, Any]]) -> None:
        super().__init__()
        self._lines = lines

    def write_line(self, line: bytes) -> None:
        self._lines.append(json.loads(line))


@contextmanager
def capture_lines(logger: str = "", level: int | str = logging.INFO) -> Iterator[list[dict[str, Any]]]:
    """Capture the log lines of `logger` and those below it, the root logger by default, as parsed JSON.

        with capture_lines() as lines:
            client.get("/orders/17")
        assert lines[-1]["http"]["response"]["status_code"] == 200

    The list grows while the block runs. Lines below `level` are left out; a logger that does not propagate is
    to be named.
    """
    lines: list[dict[str, Any]] = []
    handler = _Capture(lines)
    handler.setLevel(level)
    target = logging.getLogger(logger)
    ours = logging.getLogger(_OURS)
    before = [(each, each.level) for each in (target, ours)]
    target.addHandler(handler)
    for each in (target, ours):
        if each.getEffectiveLevel() > handler.level:
            each.setLevel(handler.level)
    try:
        yield lines
    finally:
        target.removeHandler(handler)
        handler.close()
        for each, its_level in before:
            each.setLevel(its_level)


class Grown:
    """By how much each series grew: `grown("django_http_responses_total_by_status_total", status="200")`."""

    def __init__(self) -> None:
        self._before = _samples()
        self._after: dict[_Series, float] | None = None

    def __call__(self, name: str, **labels: str) -> float:
        """Return by how much the sample grew; 0 when it did not, or is not there yet.

        Histograms have the samples `<name>_count`, `<name>_sum` and `<name>_bucket`. Raises LookupError for a
        name or a label that no metric has, with the nearest one.
        """
        after = self._now()
        names = sorted({sample for sample, _ in after} | set(_SAMPLES))
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise LookupError(f"there is no sample {name}" + (f"; did you mean {near[0]}?" if near else ""))
        expected = _SAMPLES.get(name)
        if expected is not None and set(labels) != expected:
            raise LookupError(f"{name} has the labels {sorted(expected)}, not {sorted(labels)}")
        series = (name, frozenset(labels.items()))
        return after.get(series, 0.0) - self._before.get(series, 0.0)

    def all(self) -> dict[_Series, float]:
        """Return every series that grew or fell, by name and label values, and by how much."""
        growth = {series: value - self._before.get(series, 0.0) for series, value in self._now().items()}
        return {series: value for series, value in growth.items() if value}

    def _now(self) -> dict[_Series, float]:
        return _samples() if self._after is None else self._after

    def _freeze(self) -> None:
        self._after = _samples()


_Series = tuple[str, frozenset[tuple[str, str]]]


def _samples() -> dict[_Series, float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in OpsCollector().collect()
        for sample in metric.samples
    }


def _known_samples() -> dict[str, set[str]]:
    """Return the labels of each sample that our metrics have."""
    known: dict[str, set[str]] = {}
    for family in FAMILIES.values():
        labels = set(family.labels)
        if isinstance(family, Histogram):
            known |= {f"{family.name}_{suffix}": labels for suffix in ("count", "sum")}
            known[f"{family.name}_bucket"] = {*labels, "le"}
        else:
            known[family.name] = labels
    return known


_SAMPLES = _known_samples()


@contextmanager
def capture_metrics() -> Iterator[Grown]:
    """Capture by how much metrics grow, ours and those that were made with prometheus_client.

        with capture_metrics() as grown:
            client.get("/orders/17")
        assert grown("django_http_responses_total_by_status_total", status="200") == 1

    Within the block it tells what has happened so far, afterwards what happened in it.
    """
    grown = Grown()
    try:
        yield grown
    finally:
        grown._freeze()
