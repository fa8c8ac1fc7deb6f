"""A real Flower behind a real nginx: its pages, and its buttons, which have no protection of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gate_flower import WORKER, flower_entry, start_worker
from tests.integration.gates import NAME, Gate, site
from tests.integration.services import Redis, wait_until

pytestmark = pytest.mark.slow

OWN = f"http://{NAME}"


@pytest.fixture(scope="module")
def broker(redis_server: Redis) -> str:
    return f"redis://{redis_server.host}:{redis_server.port}/5"


@pytest.fixture(scope="module")
def flower(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with flower_entry(broker, tmp_path_factory.mktemp("flower")) as entry:
        yield entry


@pytest.fixture(scope="module")
def gate(flower: dict[str, str]) -> Iterator[Gate]:
    with site({"flower": flower, "closed": {}}) as made, made.nginx() as running_gate:
        yield running_gate


@pytest.fixture
def worker(broker: str, flower: dict[str, str], tmp_path: Path):
    with start_worker(broker, tmp_path / "worker") as process:
        yield process


def test_page__is_shown_under_the_prefix(gate):
    answer = gate.ask("/ops/flower/workers", by="ann")
    assert answer.status == 200
    assert b"/ops/flower/static/" in answer.body


@pytest.mark.parametrize("path", ["/ops/flower/metrics", "/ops/flower/healthcheck", "/ops/flower/api/workers"])
@pytest.mark.parametrize(("who", "status"), [("", 401), ("bob", 403), ("ann", 200)])
def test_every_path__asks_who_it_is(gate, path, who, status):
    """Flower itself shows /metrics and /healthcheck to everybody (flower#1217)."""
    assert gate.ask(path, by=who).status == status


def test_page__is_shown_to_no_other_origin(gate):
    assert (
        "Access-Control-Allow-Origin"
        not in gate.ask("/ops/flower/api/workers", by="ann", Origin="https://evil.example").headers
    )


SHUTDOWN = f"/ops/flower/api/worker/shutdown/{WORKER}"


@pytest.mark.parametrize("agent", [{}, {"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}])
def test_button__of_another_site_does_nothing(gate, worker, agent):
    """ACCEPT 6, with what it is for."""
    assert gate.ask(SHUTDOWN, "POST", b"", by="ann", **agent).status == 403
    assert worker.poll() is None


def test_accept_13__button_works(gate, worker):
    """ACCEPT 13: real nginx, real Flower: POST of a worker's action works."""
    wait_until(
        lambda: WORKER.encode() in gate.ask("/ops/flower/api/workers?refresh=1", by="ann").body, "Flower knows it", 60
    )
    answer = gate.ask(SHUTDOWN, "POST", b"", by="ann", Origin=OWN, Content_Type="application/x-www-form-urlencoded")
    assert (answer.status, answer.json()) == (200, {"message": "Shutting down!"})
    wait_until(lambda: worker.poll() is not None, "the worker ends", 60)
