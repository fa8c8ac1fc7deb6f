"""The service fixtures themselves: without them the other integration tests say nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.integration import services
from tests.integration.services import HOST, Memcached, PostgreSQL, Redis

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


def test_wait_until__says_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match="the moon rises"):
        services.wait_until(lambda: False, "the moon rises", seconds=0.05)


def test_program_that_ends_at_once__tells_its_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with pytest.raises(RuntimeError, match="no such option"), services.running(command, tmp_path, lambda: False):
        pass


def run_without_programs(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test of Redis in a pytest of its own, on a machine that has no Redis."""
    hider = tmp_path / "hide_programs.py"
    hider.write_text("import shutil\nshutil.which = lambda *args, **kwargs: None\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "hide_programs", "-p", "no:cacheprovider", "-q",
         f"{__file__}::test_redis__answers"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
            "OPS_TEST_NO_SKIP": "",
            **environment,
        },
    )  # fmt: skip


def test_missing_service__is_skipped_and_counted_aloud(tmp_path: Path) -> None:
    run = run_without_programs(tmp_path)
    assert "1 test was skipped, as Redis is not installed: apt-get install redis-server" in run.stdout


def test_missing_service__lets_the_run_pass(tmp_path: Path) -> None:
    assert run_without_programs(tmp_path).returncode == 0


def test_missing_service__fails_where_no_skip_is_allowed(tmp_path: Path) -> None:
    run = run_without_programs(tmp_path, OPS_TEST_NO_SKIP="1")
    assert (run.returncode, "OPS_TEST_NO_SKIP allows no skip" in run.stdout) == (1, True)


def ask(port: int, question: bytes) -> bytes:
    with socket.create_connection((HOST, port), timeout=5.0) as connection:
        connection.sendall(question)
        return connection.recv(256)
