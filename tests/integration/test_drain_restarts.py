"""Restarts, reloads and upgrades of a real gunicorn under load: not one request may fail."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.contract.nginxes import plain_configuration, program
from tests.integration.gunicorns import KEPT, Balancer, Clients, Gunicorn, KeptOpen, gunicorns, has_ended, request
from tests.integration.services import HOST, held_port, running, wait_until

WORKER_CLASSES = ["sync", "gthread"]


@pytest.fixture(params=WORKER_CLASSES)
def pair(request, tmp_path):
    """Two servers of the same site."""
    # thirty times as long as the balancer takes to notice, for a machine that does something else meanwhile
    servers = [Gunicorn(tmp_path, request.param, KEPT, TEST_DRAIN_SECONDS="3") for _ in range(2)]
    with gunicorns(*servers):
        yield servers


@pytest.fixture(params=WORKER_CLASSES)
def server(request, tmp_path):
    """One server."""
    built = Gunicorn(tmp_path, request.param, TEST_DRAIN_FILE=str(tmp_path / "draining"))
    with gunicorns(built):
        yield built


# behind a balancer that follows readiness ----------------------------------------------------------------------


def test_restart__behind_a_balancer_that_follows_readiness(pair):
    with Balancer(*pair) as balancer, Clients(lambda method: request(balancer.port(), method, "/work")) as clients:
        for server in pair:
            clients.send_more(50)
            server.restart()
        clients.send_more(100)
    assert clients.failed == {}


def test_restart__of_connections_that_are_kept_open(tmp_path):
    pair = [Gunicorn(tmp_path, "gthread", KEPT, TEST_DRAIN_SECONDS="3") for _ in range(2)]
    with gunicorns(*pair), Balancer(*pair) as balancer, KeptOpen(balancer) as send, Clients(send) as clients:
        for server in pair:
            clients.send_more(50)
            server.restart()
        clients.send_more(100)
    assert clients.failed == {}
    assert send.reused > 100


def test_restart__without_drain_fails_requests(tmp_path):
    """The test of the tests above: gunicorn's own SIGTERM, seen by the same balancer and the same clients."""
    pair = [Gunicorn(tmp_path, "gthread", options=()), Gunicorn(tmp_path, "gthread", options=())]
    with (
        gunicorns(*pair),
        Balancer(*pair, period_seconds=5) as balancer,
        Clients(lambda method: request(balancer.port(), method, "/work")) as clients,
    ):
        clients.send_more(50)
        pair[0].restart()
    assert sum(clients.failed.values()) > 0


# reload and upgrade of one server ------------------------------------------------------------------------------


def test_hup__under_load(server):
    with Clients(lambda method: request(server.port, method, "/work")) as clients:
        for _ in range(2):
            clients.send_more(50)
            before = server.answering_pid()
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
        wait_until(lambda: server.answering_pid() in _children(new), "a worker of the new master answers")
        clients.send_more(50)
        os.kill(old, signal.SIGTERM)
        server.process.wait(60)
        clients.send_more(100)
    assert (clients.failed, balancer.seen[server]) == ({}, [200])


def _children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


# behind nginx --------------------------------------------------------------------------------------------------

HTTP = """\
    upstream site {{
        server {host}:{first} max_fails=0;
        server {host}:{second} max_fails=0;
        keepalive 16;
        keepalive_timeout 1s;  # far shorter than gunicorn's, or nginx reuses what gunicorn is just closing
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
"""


@pytest.fixture
def nginx(pair, tmp_path):
    """An nginx before both servers; its port."""
    port = held_port()
    home = tmp_path / "nginx"
    home.mkdir()
    configuration = home / "nginx.conf"
    configuration.write_text(
        plain_configuration(home, HTTP.format(host=HOST, port=port, first=pair[0].port, second=pair[1].port))
    )

    def answers():
        try:
            return request(port, "GET", "/work") == 200
        except OSError:
            return False

    with running([program(), "-p", str(home), "-c", str(configuration)], home, answers, stop_signal=signal.SIGQUIT):
        yield port


def test_restart__behind_nginx(nginx, pair, tmp_path):
    """POST as well: nginx does not send it again elsewhere once it has been sent, but for a refused connection."""
    with Clients(lambda method: request(nginx, method, "/work")) as clients:
        for server in pair:
            clients.send_more(50)
            server.restart()
        clients.send_more(100)
    assert clients.failed == {}, (tmp_path / "nginx" / "output.log").read_text()
