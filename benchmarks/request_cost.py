"""What watching a request costs: each variant in its own warm process, all of them in turn, round after round."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import variants
from benchmarks.child import Child
from benchmarks.figures import rotate


class Case(NamedTuple):
    """One way of serving, under which variants are compared."""

    title: str
    interface: str  # wsgi or asgi
    view: str  # which of the site's views
    variants: tuple[str, ...]
    extra: bool = True  # beside what the bars are about; fewer rounds
    shared: bool = False  # with PROMETHEUS_MULTIPROC_DIR, as a site with several workers runs
    pipe: bool = False  # lines go to standard output, and that into a pipe, as in a container


#: Requests that each variant serves before any is counted.
WARM_UP = 1000

_SOME = (variants.NOTHING, variants.BOTH, variants.OURS, variants.FLOOR)

CASES = (
    Case("WSGI", "wsgi", "sync", variants.ALL, extra=False),
    Case("ASGI", "asgi", "async", variants.ALL, extra=False),
    Case("WSGI, several workers", "wsgi", "sync", _SOME, shared=True),
    Case("WSGI, lines into a pipe", "wsgi", "sync", _SOME, pipe=True),
    Case("WSGI, one query", "wsgi", "stored", _SOME),
    Case("ASGI, sync view", "asgi", "sync", _SOME),
)


class Measured(NamedTuple):
    """Microseconds per request in each round, by variant: of the processor, and as the clock on the wall has it."""

    case: Case
    processor_us: dict[str, list[float]]
    wall_us: dict[str, list[float]]


def measure(case: Case, python: Path, scratch: Path, rounds: int, count: int, say) -> Measured:
    """Run `rounds` rounds of `count` requests with each variant of `case`. Raises ChildError."""
    measured = Measured(case, {name: [] for name in case.variants}, {name: [] for name in case.variants})
    with ExitStack() as stack:
        children = {name: stack.enter_context(_child(case, name, python, scratch)) for name in case.variants}
        for name in case.variants:
            children[name].answer()
            children[name].ask(do="round", count=WARM_UP)
        for turn in range(rounds):
            for name in rotate(case.variants, turn):
                answer = children[name].ask(do="round", count=count)
                measured.wall_us[name].append(answer["wall_us"])
                measured.processor_us[name].append(answer["processor_us"])
            if (turn + 1) % 50 == 0:
                say(f"request, {case.title}: round {turn + 1} of {rounds}")
    return measured


def _child(case: Case, variant: str, python: Path, scratch: Path) -> Child:
    home = scratch / f"{case.title}-{variant}".replace(" ", "-")
    environment = {}
    if case.shared:
        (home / "slots").mkdir(parents=True)
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(home / "slots")
    configuration = {"variant": variant, "interface": case.interface, "view": case.view, "pipe": case.pipe}
    return Child(python, "benchmarks.request_child", configuration, home, environment)
