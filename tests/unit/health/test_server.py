"""Which process is the server, and how old it is."""

import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from django_ops.health import server


@pytest.fixture(autouse=True)
def no_gunicorn(monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)


def test_server_pid__without_master_is_this_process():
    assert server.server_pid() == os.getpid()


def test_server_pid__under_gunicorn_is_the_parent(monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "gunicorn/27.0.1")
    assert server.server_pid() == os.getppid()


def test_server_pid__of_another_server_software(monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "other/1.0")
    assert server.server_pid() == os.getpid()


def test_server_pid__of_a_spawned_worker_is_its_supervisor():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(server.server_pid) == os.getpid()


def test_age_seconds__of_a_new_process():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert 0 <= server.age_seconds(child.pid) < 5
    finally:
        child.communicate(b"\n")


def test_age_seconds__grows():
    first = server.age_seconds(os.getpid())
    time.sleep(0.05)
    assert server.age_seconds(os.getpid()) - first >= 0.05


def test_age_seconds__without_proc_since_import(monkeypatch):
    monkeypatch.setattr(server, "Path", lambda name: _Missing())
    server._started_at.cache_clear()
    try:
        assert 0 <= server.age_seconds(os.getpid()) < 3600
    finally:
        server._started_at.cache_clear()


class _Missing:
    def read_bytes(self):
        raise FileNotFoundError
