"""From what was measured to one table, in Markdown that is readable as it is. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks import gate, variants
from benchmarks.bars import ratio_of_added, ratio_of_times
from benchmarks.figures import added, summarise
from benchmarks.passwords import Validated
from benchmarks.request_cost import Measured
from benchmarks.scrape import Scraped

HEADINGS = ("measured", "variant", "median", "quartiles", "added", "beside it")

BEGIN = "<!-- written by `python3 -m benchmarks --write`: begin -->"
END = "<!-- written by `python3 -m benchmarks --write`: end -->"


class Row(NamedTuple):
    """One line of the table."""

    measured: str
    variant: str
    median: str
    quartiles: str
    added: str
    beside: str


def request_rows(measurement: Measured) -> list[Row]:
    """Return a row for each variant of one case, in microseconds of processor time per request."""
    wall, processor = measurement.wall_us, measurement.processor_us
    nothing = processor[variants.NOTHING]
    rows = []
    for variant in measurement.case.variants:
        summary = summarise(processor[variant])
        more, beside = "", ""
        if variant != variants.NOTHING:
            more = f"+{added(processor[variant], nothing):.1f} µs"
            beside = f"+{added(wall[variant], wall[variants.NOTHING]):.1f} µs by the clock"
        if variant == variants.OURS:
            of_both, _ = ratio_of_added(processor, variants.BOTH)
            of_floor, _ = ratio_of_added(processor, variants.FLOOR)
            beside += f"; 1/{1 / of_both:.1f} of both peers; {of_floor:.2f} x the floor"
        rows.append(
            Row(
                f"request, {measurement.case.title}",
                variant,
                f"{summary.median:.1f} µs",
                f"{summary.low:.1f} - {summary.high:.1f}",
                more,
                beside,
            )
        )
    return rows


def scrape_rows(scraped: list[Scraped]) -> list[Row]:
    """Return a row for each server, in milliseconds per scrape."""
    fewest = {one.variant: one for one in sorted(scraped, key=lambda one: -one.recycles)}
    rows = []
    for one in scraped:
        summary = summarise(one.milliseconds)
        beside = f"{one.files:,} files; {one.bytes / 1000:.0f} kB; n = {summary.count}"
        few = fewest[one.variant]
        if one is not few:
            beside = f"{ratio_of_times(one, few)[0]:.2f} x that after {few.recycles}; {beside}"
        rows.append(
            Row(
                f"scrape after {one.recycles:,} recycles",
                one.variant,
                f"{summary.median:.2f} ms",
                f"{summary.low:.2f} - {summary.high:.2f}",
                "",
                beside,
            )
        )
    return rows


def password_rows(validated: list[Validated]) -> list[Row]:
    """Return a row for each length and variant, in milliseconds per validation."""
    rows = []
    for one in validated:
        summary = summarise(one.milliseconds)
        slow = [
            f"{times} slow {'hash' if times == 1 else 'hashes'} of {iterations:,} iterations"
            for iterations, times in Counter(one.iterations).items()
        ]
        rows.append(
            Row(
                f"password, N = {one.length}",
                one.variant,
                f"{summary.median:.0f} ms",
                f"{summary.low:.0f} - {summary.high:.0f}",
                "",
                "; ".join(slow) or "no slow hash",
            )
        )
    return rows


def gate_rows(asked: dict[str, list[float]]) -> list[Row]:
    """Return a row with and one without the gate, in milliseconds per request by the clock."""
    rows = []
    for variant, milliseconds in asked.items():
        summary = summarise(milliseconds)
        more = "" if variant == gate.OPEN else f"+{added(milliseconds, asked[gate.OPEN]):.2f} ms"
        quartiles = f"{summary.low:.2f} - {summary.high:.2f}"
        beside = f"by the clock; n = {summary.count:,}"
        rows.append(Row("request for an internal UI", variant, f"{summary.median:.2f} ms", quartiles, more, beside))
    return rows


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table whose columns are aligned; what is measured is named once."""
    lines = [Row(*HEADINGS)]
    last = ""
    for row in rows:
        lines.append(row if row.measured != last else row._replace(measured=""))
        last = row.measured
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def insert(document: str, block: str) -> str:
    """Return `document` with `block` between its two markers. Raises ValueError when it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no place for the table: it needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"
