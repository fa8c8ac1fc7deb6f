"""The services of the integration tests, and what is said when one of them is not there."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest

from tests.integration import services
from tests.integration.gate_fixtures import gate, gate_site, running_gate  # noqa: F401 - fixtures
from tests.integration.proxy_site.fixtures import proxy_site  # noqa: F401 - a fixture
from tests.integration.services import Memcached, MissingProgramError, PostgreSQL, Redis
from tests.integration.site.fixtures import site  # noqa: F401 - a fixture

Server = TypeVar("Server")

#: Set by .ci/run: a service that is missing is a failure then.
NO_SKIP_VARIABLE = "OPS_TEST_NO_SKIP"

_MISSING = re.compile(r"(?P<service>\S+) is not installed: (?P<remedy>apt-get install \S+)")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL with an empty database, for the whole test run."""
    yield from started(services.start_postgresql())


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis, for the whole test run."""
    yield from started(services.start_redis())


@pytest.fixture(scope="session")
def memcached() -> Iterator[Memcached]:
    """A memcached, for the whole test run."""
    yield from started(services.start_memcached())


def started(service: AbstractContextManager[Server]) -> Iterator[Server]:
    try:
        server = service.__enter__()
    except MissingProgramError as error:
        if os.environ.get(NO_SKIP_VARIABLE) == "1":
            pytest.fail(f"{error} ({NO_SKIP_VARIABLE} allows no skip)", pytrace=False)
        pytest.skip(str(error))
    try:
        yield server
    finally:
        service.__exit__(None, None, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count aloud what was not tested for want of a service."""
    missing: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        found = _MISSING.search(str(report.longrepr))
        if found is not None:
            missing[found["service"], found["remedy"]] += 1
    if missing:
        terminalreporter.section("services that are missing", sep="=", yellow=True)
    for (service, remedy), tests in sorted(missing.items()):
        skipped = "1 test was" if tests == 1 else f"{tests} tests were"
        terminalreporter.write_line(f"{skipped} skipped, as {service} is not installed: {remedy}", yellow=True)
