"""The services of the integration tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration import services
from tests.integration.celery_shop import prefork, shop, solo, threads, worker  # noqa: F401 - fixtures
from tests.integration.gate_fixtures import gate, gate_site, running_gate  # noqa: F401 - fixtures
from tests.integration.proxy_site.fixtures import proxy_site  # noqa: F401 - a fixture
from tests.integration.services import Memcached, PostgreSQL, Redis
from tests.integration.site.fixtures import site  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL with an empty database, for the whole test run."""
    with services.start_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis, for the whole test run."""
    with services.start_redis() as server:
        yield server


@pytest.fixture(scope="session")
def memcached() -> Iterator[Memcached]:
    """A memcached, for the whole test run."""
    with services.start_memcached() as server:
        yield server
