"""From samples to what the table says: medians, quartiles, ratios. No I/O."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Summary(NamedTuple):
    """Median and quartiles of samples, in their unit."""

    median: float
    low: float  # first quartile
    high: float  # third quartile
    count: int


def summarise(samples: Sequence[float]) -> Summary:
    """Return median and quartiles; the quartiles of a single sample are the sample."""
    if not samples:
        raise ValueError("there is nothing to summarise")
    if len(samples) == 1:
        return Summary(samples[0], samples[0], samples[0], 1)
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Summary(median, low, high, len(samples))


def added(samples: Sequence[float], baseline: Sequence[float]) -> float:
    """Return by how much the median of `samples` lies above that of `baseline`."""
    return statistics.median(samples) - statistics.median(baseline)


def rotate(names: Sequence[str], turn: int) -> list[str]:
    """Return `names` beginning with another one at each turn, so that none always follows the same one."""
    if not names:
        return []
    start = turn % len(names)
    return [*names[start:], *names[:start]]
