"""What SIGTERM and `ops_drain` do to a real gunicorn and a real uvicorn."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.integration.gunicorns import KEPT, ROOT, Clients, Gunicorn, Uvicorn, gunicorns, has_ended, request
from tests.integration.services import HOST, wait_until

WORKER_CLASSES = ["sync", "gthread"]


@pytest.fixture(params=WORKER_CLASSES)
def server(request, tmp_path):
    """One server."""
    built = Gunicorn(tmp_path, request.param, TEST_DRAIN_FILE=str(tmp_path / "draining"))
    with gunicorns(built):
        yield built


@contextlib.contextmanager
def draining(tmp_path, worker_class, seconds):
    """One server that was told to stop, and drains."""
    server = Gunicorn(tmp_path, worker_class, TEST_DRAIN_SECONDS=seconds)
    with gunicorns(server):
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        yield server


# what SIGTERM does ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_term__readiness_says_so_while_requests_are_served_and_liveness_stays_well(tmp_path, worker_class):
    with draining(tmp_path, worker_class, "600") as server:
        assert request(server.port, "GET", "/work") == 200
        assert server.probe("/livez") == 200


def test_term__kept_connections_are_told_to_go(tmp_path):
    server = Gunicorn(tmp_path, "gthread", KEPT, TEST_DRAIN_SECONDS="600")
    with gunicorns(server):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
        assert _says_close(connection) is False
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        assert _says_close(connection) is True
        connection.close()


def _says_close(connection: http.client.HTTPConnection) -> bool:
    connection.request("GET", "/work", headers={"Host": "only.this.example"})
    response = connection.getresponse()
    response.read()
    return response.will_close


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_term__listener_refuses_while_a_request_is_finished(tmp_path, worker_class):
    """It began while the server drained, and ends when the listener has gone; no later client waits in vain."""
    end = tmp_path / "end"
    with draining(tmp_path, worker_class, "5") as server:
        with Clients(lambda method: request(server.port, method, f"/work?until={end}", 60), number=1) as client:
            client.end()
            wait_until(lambda: _refuses(server), "the listener refuses")
            assert server.process.poll() is None
            end.touch()
        assert (client.succeeded, client.failed) == (1, {})
        assert server.process.wait(60) == 0
        assert "Traceback" not in server.log


def _refuses(server: Gunicorn) -> bool:
    try:
        request(server.port, "GET", "/work")
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it waited for a busy worker when the listener was closed
    return False


def test_term__stops_after_the_wait(server):
    begun = time.monotonic()
    server.tell(signal.SIGTERM)
    assert server.process.wait(60) == 0
    assert time.monotonic() - begun >= 1.0
    assert "Draining" in server.log


def test_term__twice_stops_at_once(tmp_path):
    server = Gunicorn(tmp_path, "gthread", TEST_DRAIN_SECONDS="600")
    with gunicorns(server):
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        server.tell(signal.SIGTERM)
        assert server.process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_quick_stop__while_draining(tmp_path, number):
    server = Gunicorn(tmp_path, "gthread", TEST_DRAIN_SECONDS="600")
    with gunicorns(server):
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        server.tell(number)
        assert server.process.wait(60) == 0


def test_term__zero_seconds_stop_at_once(tmp_path):
    server = Gunicorn(tmp_path, "gthread", TEST_DRAIN_SECONDS="0")
    with gunicorns(server):
        server.tell(signal.SIGTERM)
        assert server.process.wait(60) == 0
    assert "Draining" not in server.log


def test_term__to_a_worker_replaces_it(server):
    worker = server.answering_pid()
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: has_ended(worker), "the worker ends")
    wait_until(server.is_ready, "the server is ready")
    assert server.process.poll() is None


def test_hup__while_draining_goes_on_draining(tmp_path):
    server = Gunicorn(tmp_path, "gthread", TEST_DRAIN_SECONDS="600")
    with gunicorns(server):
        before = server.answering_pid()
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        server.tell(signal.SIGHUP)
        wait_until(lambda: has_ended(before), "the old worker ends")
        assert request(server.port, "GET", "/readyz") == 503


def test_drain_file__of_an_earlier_server_is_ignored(tmp_path):
    path = tmp_path / "draining"
    path.touch()
    os.utime(path, (time.time() - 3600,) * 2)
    server = Gunicorn(tmp_path, "sync", TEST_DRAIN_FILE=str(path))
    with gunicorns(server):  # waits until it is ready
        assert server.probe() == 200


def _command(*arguments: str) -> list[str]:
    code = "from django.core.management import execute_from_command_line as run; import sys; run(sys.argv)"
    return [sys.executable, "-c", code, "ops_drain", *arguments]


def _manage(server: Gunicorn, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(*arguments), cwd=ROOT, env=server.environment, capture_output=True, text=True)


def test_ops_drain__drains_a_running_server(server):
    done = _manage(server, "--wait", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert server.probe() == 503


def test_ops_drain__undo(server):
    _manage(server, "--wait", "0")
    _manage(server, "--undo")
    assert server.probe() == 200


def test_ops_drain__status_of_a_server_that_serves(server):
    done = _manage(server, "--status")
    assert done.returncode == 1
    assert "a server looks at it" in done.stderr


def test_ops_drain__ctrl_c_takes_it_back(server):
    process = subprocess.Popen(
        _command("--wait", "600"), cwd=ROOT, env=server.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    wait_until(lambda: server.probe() == 503, "readiness answers 503")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, server.probe()) == (130, 200)
    assert "interrupted" in said
    assert "Traceback" not in said


def test_ops_drain__term_does_not_wait_again(tmp_path):
    server = Gunicorn(tmp_path, "sync", TEST_DRAIN_FILE=str(tmp_path / "draining"))
    with gunicorns(server):
        _manage(server, "--wait", "0")
        assert server.probe() == 503
        time.sleep(1.0)  # OPS_DRAIN_SECONDS
        server.tell(signal.SIGTERM)
        assert server.process.wait(60) == 0
    assert "Draining" not in server.log


@pytest.fixture(params=["1", "2"], ids=["one process", "two workers"])
def uvicorn(request, tmp_path):
    """A uvicorn of the same site, which has never heard of us."""
    server = Uvicorn(tmp_path, request.param, TEST_DRAIN_FILE=str(tmp_path / "draining"))
    with gunicorns(server):
        yield server


def test_ops_drain__drains_uvicorn(uvicorn):
    assert _manage(uvicorn, "--wait", "0").returncode == 0
    assert {uvicorn.probe() for _ in range(10)} == {503}
    assert uvicorn.probe("/livez") == 200


def test_ops_drain__undone_for_uvicorn(uvicorn):
    _manage(uvicorn, "--wait", "0")
    _manage(uvicorn, "--undo")
    assert {uvicorn.probe() for _ in range(10)} == {200}


@pytest.mark.parametrize("uvicorn", ["1"], indirect=True)
def test_ops_drain__closes_the_connections_of_uvicorn(uvicorn):
    connection = http.client.HTTPConnection(HOST, uvicorn.port, timeout=60)
    with contextlib.closing(connection):
        assert not _closes(connection)
        _manage(uvicorn, "--wait", "0")
        uvicorn.probe()
        assert _closes(connection)


def _closes(connection: http.client.HTTPConnection) -> bool:
    """Send a request over a connection, and tell whether the server closes it afterwards."""
    connection.request("GET", "/work", headers={"Host": "only.this.example"})
    response = connection.getresponse()
    assert response.read()
    return response.will_close
