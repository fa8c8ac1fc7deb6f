"""Workers of a real gunicorn that come and go: their slots are used again, and what they counted stays."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.integration.site.servers import Server, eventually, running

SYNC = "gunicorn sync"
GTHREAD = "gunicorn gthread"
TOTAL = ("django_http_requests_before_middlewares_total", ())


def slots_of(directory: Path) -> set[str]:
    """Return the names of the files in a slot directory."""
    return {path.name for path in directory.iterdir()}


def files_of(*labels: str) -> set[str]:
    """Return the files of these slots. One more than there are workers, as one may look while another is forked."""
    return {name for label in labels for name in (f"slot-{label}.lock", f"metrics-{label}.cells")}


def workers_of(server: Server) -> set[int]:
    """Return the process ids of the workers that live."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {int(pid) for pid in children.split()}


def recycle(server: Server, times: int) -> None:
    """Send as many requests, each of which is its worker's last."""
    for _ in range(times):
        assert server.get("/query?count=1").status == 200


@pytest.fixture
def slots(tmp_path):
    return tmp_path / "slots"


def test_recycling__thirty_workers_leave_the_files_of_two(tmp_path, slots):
    """Three dozen show a file per worker; the benchmarks recycle 4,000."""
    options = ("--preload", "--workers", "2", "--max-requests", "1")
    with running(SYNC, tmp_path, *options, PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        recycle(server, 36)
        # each worker counts and logs after it has answered, and another one is asked for the numbers
        eventually(lambda: server.scrape()[TOTAL] >= 36, "all requests are counted")
        eventually(lambda: len(server.request_lines()) >= 36, "all requests have their lines")
        assert slots_of(slots) <= files_of("main", "0", "1", "2")
        assert (server.scrape()[TOTAL], len(server.request_lines())) == (36, 36)


def test_recycling__without_preload(tmp_path, slots):
    options = ("--workers", "2", "--max-requests", "1")
    with running(SYNC, tmp_path, *options, PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        recycle(server, 5)
        eventually(lambda: server.scrape()[TOTAL] == 5, "five requests are counted")
        labels = {line["django"]["process"]["slot"] for line in server.request_lines()}
    assert labels <= {"0", "1", "2"}


def test_slots__are_small_numbers_and_main(tmp_path, slots):
    with running(SYNC, tmp_path, "--workers", "3", PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        eventually(lambda: len(booted(server)) == 3, "three workers have said that they boot")
        assert booted(server) == {"0", "1", "2"}


def booted(server: Server) -> set[str]:
    """Return the slots of the workers that have booted."""
    return {line["django"]["process"]["slot"] for line in server.lines() if line["message"].startswith("Booting")}


@pytest.mark.parametrize("kind", [SYNC, GTHREAD, "gunicorn asgi"])
def test_killed_workers__under_load(kind, tmp_path, slots):
    with running(kind, tmp_path, "--workers", "2", PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        totals = []
        answered = []
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                try:
                    answered.append(server.get("/query?count=1", timeout=10).status)
                except (OSError, http.client.HTTPException):
                    pass  # its worker was killed

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            victim = next(iter(eventually(lambda: workers_of(server), "a worker lives")))
            os.kill(victim, signal.SIGKILL)
            eventually(lambda gone=victim: len(workers_of(server) - {gone}) == 2, "another worker has come")
            totals.append(eventually(lambda: total_of(server), "the numbers can be read"))
        ended.set()
        for thread in threads:
            thread.join()
        assert set(answered) == {200}
        assert totals == sorted(totals)
        assert len(list(slots.glob("metrics-*"))) <= 4
        # lost with a killed worker is at most what its four clients had been answered and it had not counted yet
        eventually(lambda: server.scrape()[TOTAL] >= len(answered) - 5 * 4, "the requests are counted")
        eventually(lambda: in_progress(server) == 0, "no request of a killed worker is in progress")


def in_progress(server: Server) -> float:
    """Return how many requests are in progress, as the gauge says."""
    return server.scrape()["django_ops_http_requests_in_progress", ()]


def total_of(server: Server) -> float | None:
    """Return how many requests were counted, or None while the worker that was asked is killed."""
    try:
        return server.scrape()[TOTAL]
    except (OSError, http.client.HTTPException):
        return None


def test_hooks__of_a_user_may_call_ours(tmp_path, slots):
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text(
        "import pathlib\n"
        "import django_ops.gunicorn\n"
        "from django_ops.gunicorn import *\n"
        "def child_exit(server, worker):\n"
        "    django_ops.gunicorn.child_exit(server, worker)\n"
        f"    pathlib.Path({str(tmp_path / 'ended')!r}).open('a').write(worker.ops_slot)\n"
    )
    options = ("--config", str(configuration), "--preload", "--max-requests", "1")
    with running(SYNC, tmp_path, *options, PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        recycle(server, 3)
        eventually(lambda: (tmp_path / "ended").read_text().startswith("000"), "three workers have ended")


def test_hooks__of_a_user_that_forget_ours_leak_no_slots(tmp_path, slots):
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text("from django_ops.gunicorn import *\ndef child_exit(server, worker):\n    pass\n")
    options = ("--config", str(configuration), "--preload", "--max-requests", "1")
    with running(SYNC, tmp_path, *options, PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        recycle(server, 6)
        assert len(list(slots.glob("slot-*.lock"))) <= 3


def test_start__empties_the_directory(tmp_path, slots):
    for expected in (0, 0):
        with running(SYNC, tmp_path / str(time.monotonic()), PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
            assert server.scrape()[TOTAL] == expected
            server.get("/ok")
            eventually(lambda server=server: server.scrape()[TOTAL] == 1, "a request is counted")


def test_start__preloaded_takes_no_slot_from_the_workers(tmp_path, slots):
    with running(SYNC, tmp_path, "--preload", PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        assert server.line_of(server.get("/ok").request_id)["django"]["process"]["slot"] == "0"


def test_two_servers__share_a_directory(tmp_path, slots):
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(slots)}
    with (
        running(SYNC, tmp_path / "one", **environment) as one,
        running(GTHREAD, tmp_path / "two", **environment) as two,
    ):
        first, second = (server.line_of(server.get("/ok").request_id) for server in (one, two))
        assert {line["django"]["process"]["slot"] for line in (first, second)} == {"0", "1"}
        assert {one.lines()[0]["django"]["process"]["slot"], two.lines()[0]["django"]["process"]["slot"]} == {
            "main",
            "main2",
        }
        assert one.scrape()[TOTAL] == two.scrape()[TOTAL] == 2


def test_unwritable_directory__the_site_is_served(tmp_path):
    (tmp_path / "file").write_text("")
    with running(SYNC, tmp_path, PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "file" / "slots")) as server:
        answer = server.get("/ok")
        assert answer.status == 200
        assert server.line_of(answer.request_id)["django"]["outcome"] == "ok"
