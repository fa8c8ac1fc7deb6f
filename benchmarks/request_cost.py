"""What watching a request costs: each variant in warm processes of its own, all of them in turn, round after round."""

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


#: Requests that each process serves before any is counted.
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


def measure(case: Case, python: Path, scratch: Path, generations: int, rounds: int, count: int, say) -> Measured:
    """Run `rounds` rounds of `count` requests with each variant of `case`, in `generations` processes one by one.

    Two processes of the same variant differ for as long as they live, as their memory lies elsewhere: under ASGI by up
    to half of what the floor adds. Raises ChildError.
    """
    measured = Measured(case, {name: [] for name in case.variants}, {name: [] for name in case.variants})
    for generation in range(generations):
        _measure_generation(measured, python, scratch / str(generation), rounds // generations, count)
        say(f"request, {case.title}: {generation + 1} of {generations} processes of each")
    return measured


def _measure_generation(measured: Measured, python: Path, scratch: Path, rounds: int, count: int) -> None:
    case = measured.case
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


def _child(case: Case, variant: str, python: Path, scratch: Path) -> Child:
    home = scratch / f"{case.title}-{variant}".replace(" ", "-")
    environment = {}
    if case.shared:
        (home / "slots").mkdir(parents=True)
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(home / "slots")
    configuration = {"variant": variant, "interface": case.interface, "view": case.view, "pipe": case.pipe}
    return Child(python, "benchmarks.request_child", configuration, home, environment)
