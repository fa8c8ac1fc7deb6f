"""Every server of docs/reference/servers.md: what it tells of each outcome, and how its own lines are written."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.site.servers import ASGI, COMMANDS, ROOT, Server, eventually, new_id, running
from tests.integration.site.truth import observe
from tests.integration.test_outcomes import LARGE_BYTES, reset, wait_until_in_progress

#: Compiled for its test, which is not here: `make test-uwsgi`.
INSTALLED = [kind for kind in COMMANDS if kind != "uwsgi"]

PAGE = ROOT / "docs" / "reference" / "servers.md"


def promised() -> dict[str, list[str]]:
    """Return the rows of the page's first table, by server."""
    table = PAGE.read_text().split("\n\n")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0]: row[1:] for row in rows[2:]}


def told(server: Server, send: Callable[[str], object]) -> str:
    """Send a request, and return the one outcome that one line and the metrics tell."""

    def sent() -> str:
        request_id = new_id()
        send(request_id)
        return request_id

    observation = observe(server, sent)
    outcome = observation.outcome[0]
    assert observation.growth["django_ops_http_requests_total", (("outcome", outcome),)] == 1
    return outcome


def leave(server: Server, path: str, after_bytes: int) -> Callable[[str], None]:
    """Return what sends a request, and goes when it has read so much of the answer."""

    def send(request_id: str) -> None:
        connection = server.begin(path, request_id)
        read = 0
        while read < after_bytes:
            read += len(connection.recv(4096))
        reset(connection)

    return send


def leave_at_once(server: Server, until: Path) -> Callable[[str], None]:
    """Return what sends a request, goes when the view has begun, and lets the view end then."""

    def send(request_id: str) -> None:
        path = "/aitems/1/?seconds=30" if server.is_async else f"/items/1/?until={until}"
        connection = server.begin(path, request_id)
        wait_until_in_progress(server, request_id)
        reset(connection)
        until.touch()

    return send


def ask(server: Server, path: str) -> Callable[[str], object]:
    return lambda request_id: server.get(path, {"X-Request-ID": request_id})


def test_page__has_each_server():
    assert set(promised()) == {*COMMANDS}


@pytest.mark.parametrize("kind", INSTALLED)
def test_outcomes__are_told_as_the_page_says(kind, tmp_path):
    assert_told_as_the_page_says(kind, tmp_path)


def assert_told_as_the_page_says(kind, tmp_path):
    with running(kind, tmp_path) as server:
        view = "/astream" if server.is_async else "/stream"
        paths = ("/ok", "/redirect", "/no/such/page", "/raise", f"{view}?chunks=3")
        assert [told(server, ask(server, path)) for path in paths] == [
            "ok", "redirect", "unrouted", "exception", "stream",
        ]  # fmt: skip
        ends = [
            # lasts ten seconds where nobody leaves
            told(server, leave(server, f"{view}?chunks=10000&bytes=20000&seconds=0.001", 1000)),
            told(server, leave(server, f"/ok?bytes={LARGE_BYTES}", 1000)),
            told(server, leave_at_once(server, tmp_path / "end")),
        ]
        request_id = new_id()
        with server.begin("/leave", request_id):  # last, as it ends some of them
            ends.append(server.line_of(request_id)["django"]["outcome"])
    assert [end in cell.split(" or ") for end, cell in zip(ends, promised()[kind], strict=True)] == [True] * 4, ends


@pytest.mark.parametrize("kind", INSTALLED)
def test_drain__of_the_first_process_turns_readiness(kind, tmp_path):
    assert_drained(kind, tmp_path)


def assert_drained(kind, tmp_path):
    with running(kind, tmp_path) as server:
        assert server.get("/readyz").status == 200
        drained = subprocess.run(
            [sys.executable, "-m", "django", "ops_drain", "--wait", "0", "--master-pid", str(server.process.pid)],
            cwd=ROOT, env=server.environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (drained.returncode, drained.stderr) == (0, "")
        assert server.get("/readyz").status == 503
        assert server.get("/ok").status == 200


@pytest.mark.parametrize("kind", ["hypercorn", "granian asgi", "granian wsgi"])
def test_metrics__of_two_processes_are_one_sum(kind, tmp_path):
    assert_summed(kind, tmp_path, "--workers", "2")


def assert_summed(kind, tmp_path, *options):
    with running(kind, tmp_path, *options, PROMETHEUS_MULTIPROC_DIR=str(tmp_path / "slots")) as server:
        asked, seen = 0, set()
        while len(seen) < 2:
            asked += 1
            seen.add(server.line_of(server.get("/ok").request_id)["process"]["pid"])
            assert asked < 1000, "only one process answers"
        sums = [server.scrape()["django_ops_http_requests_total", (("outcome", "ok"),)] for _ in range(4)]
    assert sums == [asked] * 4


#: The logger of each server whose messages come as lines.
OWN_LOGGERS = {
    "gunicorn gevent": "gunicorn.error",
    "gunicorn uvicorn": "uvicorn.error",
    "hypercorn": "hypercorn.error",
    "daphne": "daphne.server",
    "granian wsgi": "_granian.serve",
    "waitress": "waitress",
}


@pytest.mark.parametrize("kind", OWN_LOGGERS)
def test_own_messages__are_lines_and_nothing_else_is_printed(kind, tmp_path):
    with running(kind, tmp_path) as server:
        server.line_of(server.get("/ok").request_id)
        assert OWN_LOGGERS[kind] in {line["log.logger"] for line in server.lines()}
        assert [line["message"] for line in server.lines() if "GET /ok" in line["message"]][1:] == []
        # any other text would have been no line
        assert (b"\n[INFO] " in b"\n" + server.log.read_bytes()) is kind.startswith("granian")
    assert server.errors.read_text() == ""


#: What leaves out text, which file has it otherwise, and what it says.
LEFT_OUT = {
    "hypercorn": ("--error-logfile", "errors", "Running on "),
    "daphne": ("--access-log", "log", '"GET /ok" 200'),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_text__is_there_without_the_option_that_leaves_it_out(kind, tmp_path, monkeypatch):
    option, stream, text = LEFT_OUT[kind]
    command = [*COMMANDS[kind]]
    at = command.index(option)
    monkeypatch.setitem(COMMANDS, kind, (*command[:at], *command[at + 2 :]))
    with running(kind, tmp_path, PYTHONUNBUFFERED="1") as server:
        server.get("/ok")
        eventually(lambda: text in getattr(server, stream).read_text(), f"{text} in {stream}")


#: Servers that log that they cannot listen, and where.
TAKEN = {
    "uvicorn": [sys.executable, "-m", "uvicorn", ASGI, "--port"],
    "daphne": [str(Path(sys.executable).with_name("daphne")), ASGI, "--port"],
}


@pytest.mark.parametrize("kind", TAKEN)
def test_start__on_a_port_that_is_taken_is_said_on_stderr_where_the_site_logs_to_files(kind, tmp_path):
    server = Server(kind, tmp_path, SITE_LOGS=str(tmp_path / "logs"))
    with server.listener, socket.create_server(("127.0.0.1", 0)) as taken:
        command = [*TAKEN[kind], str(taken.getsockname()[1])]
        ended = subprocess.run(command, cwd=ROOT, env=server.environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert "ddress already in use" in ended.stderr
