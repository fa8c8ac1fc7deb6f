"""The service fixtures themselves: without them the other integration tests say nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.integration import services
from tests.integration.services import HOST, Memcached, PostgreSQL, Redis

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]


def test_postgresql__answers_queries(postgresql: PostgreSQL) -> None:
    with psycopg.connect(
        host=postgresql.host, port=postgresql.port, user=postgresql.user, dbname=postgresql.database
    ) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_redis__answers(redis_server: Redis) -> None:
    assert ask(redis_server.port, b"PING\r\n") == b"+PONG\r\n"


def test_memcached__answers(memcached: Memcached) -> None:
    assert ask(memcached.port, b"version\r\n").startswith(b"VERSION")


def test_stopped_service__frees_its_port(redis_server: Redis) -> None:
    with services.start_redis() as server:
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        ask(port, b"PING\r\n")


def test_held_port__is_refused_before_and_after_a_server_and_given_to_nobody() -> None:
    port = services.held_port()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            ask(port, b"")
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((HOST, port))
        with socket.create_server((HOST, port)):
            socket.create_connection((HOST, port), timeout=60).close()


def test_tests_in_the_background_of_a_script__start_processes_that_can_be_interrupted() -> None:
    probe = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    within = f"import tests.conftest, subprocess, sys; subprocess.run([sys.executable, '-c', {probe!r}], check=True)"
    script = f'"{sys.executable}" -c "$1" & wait $!'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", within], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "False\n"


def test_wait_until__says_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match="the moon rises"):
        services.wait_until(lambda: False, "the moon rises", seconds=0.05)


def test_program_that_ends_at_once__tells_its_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with pytest.raises(RuntimeError, match="no such option"), services.running(command, tmp_path, lambda: False):
        pass


def ask(port: int, question: bytes) -> bytes:
    with socket.create_connection((HOST, port), timeout=5.0) as connection:
        connection.sendall(question)
        return connection.recv(256)
