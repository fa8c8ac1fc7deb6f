"""Leaves out each test whose machine lacks a program, and says at the end what was left out and what to install.

The hooks stand for all of tests/: `tests/conftest.py` has them. Where OPS_TEST_NO_SKIP is 1, as in CI, such a test
fails instead.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from itertools import chain

import pytest

from tests.programs import MissingError

NO_SKIP_VARIABLE = "OPS_TEST_NO_SKIP"

#: Under this name a report says what was missing; reports come from other processes where xdist runs the tests.
_PROPERTY = "missing"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Leave the test out where one of its fixtures misses something."""
    return (yield from _left_out(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Leave the test out where it misses something itself."""
    return (yield from _left_out(item))


def _left_out(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    except MissingError as error:
        item.user_properties.append((_PROPERTY, [str(error).partition(": apt-get")[0], error.package]))
        if os.environ.get(NO_SKIP_VARIABLE) == "1":
            pytest.fail(f"{error} ({NO_SKIP_VARIABLE} allows no skip)", pytrace=False)
        pytest.skip(str(error))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what was left out by what is missing, with one line that installs it all."""
    missing: Counter[str] = Counter()
    packages: set[str] = set()
    for report in chain.from_iterable(terminalreporter.stats.get(kind, []) for kind in ("skipped", "failed", "error")):
        for name, value in getattr(report, "user_properties", ()):  # a report of collecting has none
            if name == _PROPERTY:
                missing[value[0]] += 1
                packages.add(value[1])
    if missing:
        terminalreporter.write_sep("=", "left out for what is missing here", yellow=True)
    for what, number in sorted(missing.items(), key=lambda found: (-found[1], found[0])):
        tests = "1 test" if number == 1 else f"{number} tests"
        terminalreporter.write_line(f"{tests}: {what}", yellow=True)
    if packages - {""}:
        terminalreporter.write_line(f"To run them: apt-get install {' '.join(sorted(packages - {''}))}", yellow=True)
