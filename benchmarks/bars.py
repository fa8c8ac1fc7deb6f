"""The promises about speed, and whether a run kept them. No I/O."""

from __future__ import annotations

import statistics
from typing import NamedTuple

from benchmarks import gate, variants
from benchmarks.figures import Summary, added, summarise
from benchmarks.request_cost import Measured
from benchmarks.scrape import Scraped

#: Of what both peers together add to a request, how much we may add.
OF_BOTH_PEERS = 1 / 10
#: How many times what the hand-written floor adds.
OF_FLOOR = 2.5
#: Milliseconds that asking Django may add to a request through nginx.
GATE_MILLISECONDS = 1.5
#: How many times the scrape time of a server that recycled few workers one may take that recycled many.
OF_FEW_RECYCLES = 1.1


class Bar(NamedTuple):
    """A ratio that must not exceed its limit."""

    title: str
    ratio: float
    spread: Summary
    limit: float

    @property
    def is_met(self) -> bool:
        return self.ratio <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "MISSED"
        return (
            f"{verdict}: {self.title}: {self.ratio:.3g} (quartiles of the rounds"
            f" {self.spread.low:.3g} to {self.spread.high:.3g}), at most {self.limit:.3g}"
        )


def request_bars(measured: list[Measured]) -> list[Bar]:
    """Return the two bars of each case that is not an extra."""
    return [
        Bar(
            f"{measurement.case.title}: what django-ops adds, over what {they_add}",
            *ratio_of_added(measurement.processor_us, other),
            limit,
        )
        for measurement in measured
        if not measurement.case.extra
        for other, they_add, limit in (
            (variants.BOTH, "both peers add", OF_BOTH_PEERS),
            (variants.FLOOR, "the floor adds", OF_FLOOR),
        )
    ]


def ratio_of_added(samples: dict[str, list[float]], other: str) -> tuple[float, Summary]:
    """Return what we add over what `other` adds: of the medians, and the spread over the rounds."""
    nothing, ours, theirs = samples[variants.NOTHING], samples[variants.OURS], samples[other]
    ratio = added(ours, nothing) / added(theirs, nothing)
    rounds = zip(ours, theirs, nothing, strict=True)
    return ratio, summarise([(mine - base) / (its - base) for mine, its, base in rounds if its != base])


def scrape_bars(scraped: list[Scraped]) -> list[Bar]:
    """Return the bar of our server that recycled the most workers, over the one that recycled the fewest."""
    ours = sorted((one for one in scraped if one.variant == variants.OURS), key=lambda one: one.recycles)
    if len(ours) < 2:
        return []
    few, many = ours[0], ours[-1]
    title = f"a scrape after {many.recycles:,} recycles, over one after {few.recycles:,}"
    return [Bar(title, *ratio_of_times(many, few), OF_FEW_RECYCLES)]


def ratio_of_times(many: Scraped, few: Scraped) -> tuple[float, Summary]:
    """Return the ratio of the medians, and its spread over the rounds that both took part in."""
    ratio = statistics.median(many.milliseconds) / statistics.median(few.milliseconds)
    rounds = zip(many.milliseconds, few.milliseconds, strict=False)
    return ratio, summarise([mine / its for mine, its in rounds])


def gate_bars(asked: dict[str, list[float]]) -> list[Bar]:
    """Return the bar of what the gate adds, in milliseconds."""
    more = added(asked[gate.GATED], asked[gate.OPEN])
    pairs = zip(asked[gate.GATED], asked[gate.OPEN], strict=True)
    spread = summarise([gated - free for gated, free in pairs])
    return [Bar("milliseconds that the gate adds to a request through nginx", more, spread, GATE_MILLISECONDS)]
