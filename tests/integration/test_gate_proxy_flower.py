"""A real Flower through Django itself: what the first proxies of this kind could not do since Flower 0.9.5."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gate_flower import WORKER, flower_entry, start_worker
from tests.integration.gates import NAME, Gate
from tests.integration.proxy_gates import proxied
from tests.integration.services import Redis, wait_until

pytestmark = pytest.mark.slow

SHUTDOWN = f"/ops/flower/api/worker/shutdown/{WORKER}"


@pytest.fixture(scope="module")
def broker(redis_server: Redis) -> str:
    return f"redis://{redis_server.host}:{redis_server.port}/6"


@pytest.fixture(scope="module")
def flower(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with flower_entry(broker, tmp_path_factory.mktemp("flower")) as entry:
        yield entry


@pytest.fixture(scope="module")
def gate(flower: dict[str, str]) -> Iterator[Gate]:
    with proxied({"flower": flower}) as made:
        yield made


def test_page__is_shown_under_the_prefix(gate):
    answer = gate.ask("/ops/flower/workers", by="ann")
    assert answer.status == 200
    assert b"/ops/flower/static/" in answer.body


def test_page__brings_its_static_files(gate):
    assert gate.ask("/ops/flower/static/css/flower.css", by="ann").status == 200


@pytest.mark.parametrize(("who", "status"), [("", 401), ("bob", 403)])
def test_page__is_shown_to_nobody_else(gate, who, status):
    assert gate.ask("/ops/flower/metrics", by=who).status == status


def test_accept_13__button_works(gate, broker, tmp_path: Path):
    """ACCEPT 13, without nginx: POST of a worker's action works, and only from our own page."""
    with start_worker(broker, tmp_path / "worker") as worker:
        wait_until(
            lambda: WORKER.encode() in gate.ask("/ops/flower/api/workers?refresh=1", by="ann").body,
            "Flower knows it",
            60,
        )
        assert gate.ask(SHUTDOWN, "POST", b"", by="ann", Origin="https://evil.example").status == 403
        assert worker.poll() is None
        form = "application/x-www-form-urlencoded"
        answer = gate.ask(SHUTDOWN, "POST", b"", by="ann", Origin=f"http://{NAME}", Content_Type=form)
        assert (answer.status, answer.json()) == (200, {"message": "Shutting down!"})
        wait_until(lambda: worker.poll() is not None, "the worker ends", 60)
