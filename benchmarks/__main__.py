"""`python3 -m benchmarks`: measures, prints one table, and with --write puts it into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import bars, environment, gate, passwords, report, request_cost, scrape, versions
from benchmarks.child import ChildError

DOCUMENT = environment.ROOT / "docs" / "benchmarks.md"

PARTS = ("request", "scrape", "passwords", "gate")

#: What the files of the run may take: log lines, and the default's metric files of 4,000 workers.
SCRATCH_BYTES = 2 << 30


class Effort(NamedTuple):
    """How often to measure. The usual one takes about ten minutes on two quiet cores."""

    generations: int = 5
    request_rounds: int = 150
    extra_generations: int = 2
    extra_rounds: int = 60
    requests: dict[str, int] = {"wsgi": 150, "asgi": 75}
    scrape_rounds: int = 21
    recycles: tuple[int, ...] = scrape.RECYCLES
    password_rounds: int = 5
    gate_rounds: int = 60
    gate_requests: int = 50


QUICK = Effort(1, 30, 1, 20, {"wsgi": 50, "asgi": 25}, 5, scrape.RECYCLES[:2], 1, 10, 20)


def main(arguments: list[str] | None = None) -> int:
    """Run what `arguments` ask for and return the exit status."""
    options = parse(arguments)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:4.0f} s] {text}", file=sys.stderr, flush=True)

    try:
        python = environment.prepare(say)
        load = versions.load()
        with scratch_folder() as scratch:
            rows, promises = measure(options, python, scratch, say)
    except (environment.EnvironmentBuildError, ChildError, AssertionError) as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 2
    block = "\n".join(
        [
            f"Made on {versions.today()} by `{command(options)}` in {time.monotonic() - started:.0f} s, on:"
            f" {versions.machine()}; load average before: {load}.",
            ", ".join(f"{name} {version}" for name, version in versions.installed(python).items()) + ".",
            "",
            report.table(rows),
            "",
            *(f"- {promise}" for promise in promises),
        ]
    )
    print(block)
    if options.write:
        DOCUMENT.write_text(report.insert(DOCUMENT.read_text(encoding="utf-8"), block), encoding="utf-8")
        say(f"wrote {DOCUMENT.relative_to(environment.ROOT)}")
    return 1 if options.check_bars and not all(promise.is_met for promise in promises) else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line. Exits with status 2 on one that makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks",
        description="Measures requests, scrapes and password validations beside the peers, each in turn in one run."
        " Builds its own environment in .cache/bench-venv. Exit status 2: it could not measure.",
    )
    parser.add_argument("--only", choices=PARTS, help="measure one part of the four")
    parser.add_argument("--quick", action="store_true", help="a minute or two, to see that all works: few rounds")
    parser.add_argument(
        "--write", action="store_true", help=f"put the table into {DOCUMENT.relative_to(environment.ROOT)}"
    )
    parser.add_argument("--check-bars", action="store_true", help="exit with status 1 when a bar is missed")
    options = parser.parse_args(arguments)
    if options.write and (options.only or options.quick):
        parser.error("--write wants the whole run: leave out --only and --quick")
    return options


def command(options: argparse.Namespace) -> str:
    """Return the command that these options were given by."""
    parts = ["python3 -m benchmarks"]
    parts += [f"--only {options.only}"] if options.only else []
    parts += [flag for flag, given in (("--quick", options.quick), ("--write", options.write)) if given]
    return " ".join(parts)


def measure(
    options: argparse.Namespace, python: Path, scratch: Path, say: Callable[[str], None]
) -> tuple[list[report.Row], list[bars.Bar]]:
    """Run the parts that are asked for; return the rows of the table, and the bars. Raises ChildError."""
    effort = QUICK if options.quick else Effort()
    rows: list[report.Row] = []
    promises: list[bars.Bar] = []
    if options.only in (None, "request"):
        measured = []
        for case in request_cost.CASES:
            generations = effort.extra_generations if case.extra else effort.generations
            rounds = effort.extra_rounds if case.extra else effort.request_rounds
            count = effort.requests[case.interface]
            measured.append(request_cost.measure(case, python, scratch, generations, rounds, count, say))
            rows += report.request_rows(measured[-1])
        promises += bars.request_bars(measured)
    if options.only in (None, "scrape"):
        scraped = scrape.measure(python, scratch, effort.scrape_rounds, effort.recycles, say)
        rows += report.scrape_rows(scraped)
        promises += bars.scrape_bars(scraped)
    if options.only in (None, "passwords"):
        rows += report.password_rows(passwords.measure(python, scratch, effort.password_rounds, say))
    if options.only in (None, "gate"):
        try:
            asked = gate.measure(python, scratch, effort.gate_rounds, effort.gate_requests, say)
        except gate.Missing as reason:
            if options.check_bars or options.only:
                raise AssertionError(f"the gate cannot be measured: {reason}") from reason
            say(f"gate: not measured: {reason}")
        else:
            rows += report.gate_rows(asked)
            promises += bars.gate_bars(asked)
    return rows, promises


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a folder in memory where there is room, so that no disk is measured; else one for temporary files."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > SCRATCH_BYTES
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-", dir=memory if has_room else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
