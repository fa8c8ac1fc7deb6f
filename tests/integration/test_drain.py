"""Restarts, reloads and upgrades of a real gunicorn under load: not one request may fail."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.gunicorns import Balancer, Clients, Gunicorn, KeptOpen, Uvicorn, gunicorns, has_ended, request
from tests.integration.services import HOST, MissingProgramError, free_port, running, wait_until

WORKER_CLASSES = ["sync", "gthread"]


@pytest.fixture
def directory(tmp_path):
    """Where pid files and logs lie; shown when a test fails."""
    return tmp_path


@pytest.fixture(params=WORKER_CLASSES)
def pair(request, directory):
    """Two servers of the same site."""
    servers = [Gunicorn(directory, request.param), Gunicorn(directory, request.param)]
    with gunicorns(*servers):
        yield servers


@pytest.fixture(params=WORKER_CLASSES)
def server(request, directory):
    """One server."""
    built = Gunicorn(directory, request.param, TEST_DRAIN_FILE=str(directory / "draining"))
    with gunicorns(built):
        yield built


@pytest.fixture(params=WORKER_CLASSES)
def draining(request, directory):
    """One server that was told to stop, and drains for 5 seconds."""
    built = Gunicorn(directory, request.param, TEST_DRAIN_SECONDS="5")
    with gunicorns(built):
        built.tell(signal.SIGTERM)
        wait_until(lambda: built.probe() == 503, "readiness answers 503", 4.5)
        yield built


# behind a balancer that follows readiness ----------------------------------------------------------------------


def test_restart__behind_a_balancer_that_follows_readiness(pair):
    with Balancer(*pair) as balancer, Clients(lambda method: request(balancer.port(), method, "/work")) as clients:
        for server in pair:
            clients.send_more(50)
            server.restart()
        clients.send_more(100)
    assert clients.failed == {}


def test_restart__of_connections_that_are_kept_open(directory):
    pair = [Gunicorn(directory, "gthread"), Gunicorn(directory, "gthread")]
    with gunicorns(*pair), Balancer(*pair) as balancer, KeptOpen(balancer) as send, Clients(send) as clients:
        for server in pair:
            clients.send_more(50)
            server.restart()
        clients.send_more(100)
    assert clients.failed == {}
    assert send.reused > 100


def test_restart__without_drain_fails_requests(directory):
    """The test of the tests above: gunicorn's own SIGTERM, seen by the same balancer and the same clients."""
    pair = [Gunicorn(directory, "gthread", options=()), Gunicorn(directory, "gthread", options=())]
    with (
        gunicorns(*pair),
        Balancer(*pair, period_seconds=0.5) as balancer,
        Clients(lambda method: request(balancer.port(), method, "/work")) as clients,
    ):
        clients.send_more(50)
        pair[0].restart()
    assert sum(clients.failed.values()) > 0


# what SIGTERM does ---------------------------------------------------------------------------------------------


def test_term__readiness_says_so_while_requests_are_served(draining):
    assert request(draining.port, "GET", "/work") == 200


def test_term__liveness_stays_well(draining):
    assert draining.probe("/livez") == 200


def test_term__kept_connections_are_told_to_go(directory):
    server = Gunicorn(directory, "gthread", TEST_DRAIN_SECONDS="60")
    with gunicorns(server):
        connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
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


def test_term__listener_refuses_while_a_request_is_finished(draining, directory):
    """It began while the server drained, and ends when the listener has gone; no later client waits in vain."""
    end = directory / "end"
    with Clients(lambda method: request(draining.port, method, f"/work?until={end}", 60), number=1) as client:
        client.end()
        wait_until(lambda: _refuses(draining), "the listener refuses")
        assert draining.process.poll() is None
        end.touch()
    assert (client.succeeded, client.failed) == (1, {})
    assert draining.process.wait(10) == 0
    assert "Traceback" not in draining.log


def _refuses(server: Gunicorn) -> bool:
    try:
        request(server.port, "GET", "/work")
    except ConnectionRefusedError:
        return True
    return False


def test_term__stops_after_the_wait(server):
    begun = time.monotonic()
    server.tell(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert time.monotonic() - begun >= 1.0


def test_term__twice_stops_at_once(directory):
    server = Gunicorn(directory, "gthread", TEST_DRAIN_SECONDS="60")
    with gunicorns(server):
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        server.tell(signal.SIGTERM)
        assert server.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_quick_stop__while_draining(directory, number):
    server = Gunicorn(directory, "gthread", TEST_DRAIN_SECONDS="60")
    with gunicorns(server):
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        server.tell(number)
        assert server.process.wait(10) == 0


def test_term__zero_seconds_stop_at_once(directory):
    server = Gunicorn(directory, "gthread", TEST_DRAIN_SECONDS="0")
    with gunicorns(server):
        server.tell(signal.SIGTERM)
        assert server.process.wait(10) == 0
    assert "Draining" not in server.log


def test_term__to_a_worker_replaces_it(server):
    worker = int(_body(server, "/work"))
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: has_ended(worker), "the worker ends")
    wait_until(server.is_ready, "the server is ready")
    assert server.process.poll() is None


def test_hup__while_draining_goes_on_draining(directory):
    server = Gunicorn(directory, "gthread", TEST_DRAIN_SECONDS="60")
    with gunicorns(server):
        before = int(_body(server, "/work"))
        server.tell(signal.SIGTERM)
        wait_until(lambda: server.probe() == 503, "readiness answers 503")
        server.tell(signal.SIGHUP)
        wait_until(lambda: has_ended(before), "the old worker ends")
        assert server.probe() == 503


def test_drain_file__of_an_earlier_server_is_ignored(directory):
    path = directory / "draining"
    path.touch()
    os.utime(path, (time.time() - 3600,) * 2)
    server = Gunicorn(directory, "sync", TEST_DRAIN_FILE=str(path))
    with gunicorns(server):  # waits until it is ready
        assert server.probe() == 200


def _manage(server: Gunicorn, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from django.core.management import execute_from_command_line as run; import sys; run(sys.argv)"
    return subprocess.run(
        [sys.executable, "-c", code, "ops_drain", *arguments],
        cwd=Path(__file__).parents[2], env=server.environment, capture_output=True, text=True,
    )  # fmt: skip


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


def test_ops_drain__term_does_not_wait_again(directory):
    server = Gunicorn(directory, "sync", TEST_DRAIN_SECONDS="5", TEST_DRAIN_FILE=str(directory / "draining"))
    with gunicorns(server):
        _manage(server, "--wait", "0")
        assert server.probe() == 503
        time.sleep(5.0)
        begun = time.monotonic()
        server.tell(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert time.monotonic() - begun < 5.0


@pytest.fixture(params=["1", "2"], ids=["one process", "two workers"])
def uvicorn(request, directory):
    """A uvicorn of the same site, which has never heard of us."""
    server = Uvicorn(directory, request.param, TEST_DRAIN_FILE=str(directory / "draining"))
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
    connection = http.client.HTTPConnection(HOST, uvicorn.port, timeout=5)
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


def _body(server: Gunicorn, path: str) -> str:
    import urllib.request

    asked = urllib.request.Request(f"http://{HOST}:{server.port}{path}", headers={"Host": "only.this.example"})
    with urllib.request.urlopen(asked, timeout=5) as response:
        return response.read().decode()


# reload and upgrade of one server ------------------------------------------------------------------------------


def test_hup__under_load(server):
    with Clients(lambda method: request(server.port, method, "/work")) as clients:
        for _ in range(2):
            clients.send_more(50)
            before = int(_body(server, "/work"))
            server.tell(signal.SIGHUP)
            wait_until(lambda before=before: has_ended(before), "the old worker ends")
        clients.send_more(50)
    assert clients.failed == {}


def test_usr2__under_load(server):
    """The new master never is drained by the old one that stops, and no probe sees a 503."""
    old = server.process.pid
    new_pid_file = Path(f"{server.pid_file}.2")
    with (
        Balancer(server, period_seconds=0.02) as balancer,
        Clients(lambda method: request(server.port, method, "/work")) as clients,
    ):
        clients.send_more(50)
        server.tell(signal.SIGUSR2)
        wait_until(new_pid_file.exists, "the new master writes its pid file")
        new = int(new_pid_file.read_text())
        wait_until(lambda: _children(new) >= 2, "the new master has its workers")
        clients.send_more(50)
        os.kill(old, signal.SIGTERM)
        server.process.wait(20)
        clients.send_more(100)
    assert (clients.failed, balancer.seen[server]) == ({}, [200])


def _children(pid: int) -> int:
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


# behind nginx --------------------------------------------------------------------------------------------------

NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream site {{
        server {host}:{first} max_fails=0;
        server {host}:{second} max_fails=0;
        keepalive 16;
        keepalive_timeout 1s;  # shorter than gunicorn's 2 s, or nginx reuses what gunicorn is just closing
    }}
    server {{
        listen {host}:{port};
        location / {{
            proxy_pass http://site;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_connect_timeout 2s;
            proxy_next_upstream error timeout;
        }}
    }}
}}
"""


@pytest.fixture
def nginx(pair, directory):
    """An nginx before both servers; its port."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        error = MissingProgramError("nginx", "nginx-light")
        if os.environ.get("OPS_TEST_NO_SKIP") == "1":
            pytest.fail(f"{error} (OPS_TEST_NO_SKIP allows no skip)", pytrace=False)
        pytest.skip(str(error))
    port = free_port()
    home = directory / "nginx"
    home.mkdir()
    configuration = home / "nginx.conf"
    configuration.write_text(
        NGINX.format(directory=home, host=HOST, port=port, first=pair[0].port, second=pair[1].port)
    )

    def answers():
        try:
            return request(port, "GET", "/work") == 200
        except OSError:
            return False

    with running([program, "-p", str(home), "-c", str(configuration)], home, answers, stop_signal=signal.SIGQUIT):
        yield port


def test_restart__behind_nginx(nginx, pair, directory):
    """POST as well: nginx does not send it again elsewhere once it has been sent, but for a refused connection."""
    with Clients(lambda method: request(nginx, method, "/work")) as clients:
        for server in pair:
            clients.send_more(50)
            server.restart()
        clients.send_more(100)
    assert clients.failed == {}, (directory / "nginx" / "output.log").read_text()
