"""A real gunicorn that root starts, with workers that run as somebody else (`user` and `group`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from django_ops.record.owner import name_of
from tests.integration.site.servers import Server, eventually, running
from tests.users import GID, UID, directory_of_another, require_servers_of_another

pytestmark = pytest.mark.readable

SYNC = "gunicorn sync"
AS_ANOTHER = ("--user", str(UID), "--group", str(GID), "--workers", "3")
ANSWERS = "django_http_responses_before_middlewares_total"


@pytest.fixture
def theirs() -> Iterator[Path]:
    """A directory in which the workers' user may write."""
    require_servers_of_another()
    with directory_of_another() as directory:
        yield directory


@pytest.fixture
def roots(theirs) -> Path:
    """A directory in which only root may write."""
    made = theirs / "roots"
    made.mkdir(mode=0o755)
    return made


def request_ids(logs: Path) -> set[str]:
    lines = [json.loads(line) for file in logs.glob("*.jsonl") for line in file.read_text().splitlines()]
    return {line["http"]["request"]["id"] for line in lines if line["log.logger"] == "django_ops.request"}


@pytest.mark.parametrize("named", [False, True], ids=["ours", "named"])
def test_workers__of_another_user_share_their_numbers_and_keep_their_lines(theirs, roots, named):
    """The master makes the log directory too, and the slot directory where it is named and missing."""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(roots / "slots")} if named else {}
    logs = roots / "log"
    with running(SYNC, theirs, *AS_ANOTHER, SITE_LOGS=str(logs), **environment) as server:
        answered = {server.get("/ok").headers["x-request-id"] for _ in range(30)}
        assert {server.scrape()[ANSWERS, ()] for _ in range(10)} == {30.0}
        eventually(lambda: answered <= request_ids(logs), "the lines of all requests")


def test_slot_directory__that_the_workers_cannot_write_refuses_the_start(theirs, roots):
    server = Server(SYNC, theirs, *AS_ANOTHER, PROMETHEUS_MULTIPROC_DIR=str(roots))
    server.start(wait=False)
    try:
        assert server.process.wait(60) == 1
    finally:
        server.stop()
    assert f"PROMETHEUS_MULTIPROC_DIR names {roots}, which {name_of(UID)} cannot write" in server.said
