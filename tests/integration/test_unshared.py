"""Several processes of one server that share no slot directory: it is said, once."""

from __future__ import annotations

import sys

import pytest

from tests.integration.site.servers import Server, eventually

WARNING = "Several processes answer /metrics in turn"


def warnings(server: Server) -> list[str]:
    return [line["message"] for line in server.lines() if line["message"].startswith(WARNING)]


@pytest.fixture
def uvicorn(tmp_path):
    """Start a uvicorn with so many workers."""
    started: list[Server] = []

    def start(workers: int, **environment: str) -> Server:
        server = Server("uvicorn", tmp_path, **environment)
        options = ("--fd", str(server.listener.fileno()), "--workers", str(workers), "--lifespan", "off")
        server.command = [sys.executable, "-m", "uvicorn", "tests.integration.site.asgi:application", *options]
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop()


def test_scrapes__of_workers_that_share_nothing_are_warned_of_once(uvicorn):
    server = uvicorn(3)

    def scraped() -> bool:
        server.scrape()
        return bool(warnings(server))

    eventually(scraped, "a second worker is scraped")
    for _ in range(30):
        server.scrape()
    assert len(warnings(server)) == 1
    assert "PROMETHEUS_MULTIPROC_DIR" in warnings(server)[0]


@pytest.mark.parametrize("workers", [1, 3])
def test_scrapes__of_one_worker_or_with_a_directory_are_not(uvicorn, tmp_path, workers):
    environment = {} if workers == 1 else {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "slots")}
    server = uvicorn(workers, **environment)
    for _ in range(30):
        server.scrape()
    assert warnings(server) == []
