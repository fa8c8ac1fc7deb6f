"""What a scrape costs after 4, 400 and 4,000 workers have come and gone: ours, and prometheus_client as it comes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import variants
from benchmarks.child import Child
from benchmarks.figures import rotate

RECYCLES = (4, 400, 4000)
COMPARED = (variants.PROMETHEUS, variants.OURS)

#: Of each worker, before it is recycled.
REQUESTS = 24

#: How many of them find a view, which the metric that is summed knows of.
ROUTED = 20

#: A slow variant stops being scraped when it has cost so much.
BUDGET_SECONDS = 12.0


class Scraped(NamedTuple):
    """The scrapes of one server: how long each took, and what was there to read."""

    variant: str
    recycles: int
    milliseconds: list[float]
    files: int
    bytes: int


def measure(python: Path, scratch: Path, rounds: int, recycles: tuple[int, ...], say) -> list[Scraped]:
    """Recycle the workers of each server, then scrape all of them in turn. Raises ChildError, AssertionError."""
    with ExitStack() as stack:
        servers = {}
        for count in recycles:
            for variant in COMPARED:
                child = stack.enter_context(_child(variant, count, python, scratch))
                hello = child.answer(timeout_seconds=300)
                say(f"scrape: {variant} has recycled {count} workers in {hello['recycled_seconds']:.0f} s")
                servers[variant, count] = child, Scraped(variant, count, [], hello["files"], 0)
        names = list(servers)
        for turn in range(rounds + 1):
            for name in rotate(names, turn):
                child, scraped = servers[name]
                if sum(scraped.milliseconds) < BUDGET_SECONDS * 1000:
                    servers[name] = child, _scrape(child, scraped, warm=turn > 0)
            say(f"scrape: round {turn} of {rounds}")
        return [scraped for _, scraped in servers.values()]


def _scrape(child: Child, scraped: Scraped, warm: bool) -> Scraped:
    answer = child.ask(do="scrape", timeout_seconds=180)
    expected = scraped.recycles * ROUTED
    assert answer["requests"] == expected, f"{scraped}: {answer['requests']} of {expected} requests"
    # the first one reads cold files and fills caches; of a very slow variant it is all there is
    if warm or answer["ms"] > BUDGET_SECONDS * 1000:
        scraped.milliseconds.append(answer["ms"])
    return scraped._replace(bytes=answer["bytes"])


def _child(variant: str, recycles: int, python: Path, scratch: Path) -> Child:
    home = scratch / f"scrape-{variant}-{recycles}"
    slots = home / "slots"
    slots.mkdir(parents=True)
    configuration = {"variant": variant, "recycles": recycles, "requests": REQUESTS}
    return Child(python, "benchmarks.scrape_child", configuration, home, {"PROMETHEUS_MULTIPROC_DIR": str(slots)})
