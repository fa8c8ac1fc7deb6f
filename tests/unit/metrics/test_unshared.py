"""Processes that share no slot directory, without a server: what threads and forks do to the names they take."""

import os
import socket
import threading

import pytest

from django_ops.metrics import unshared


@pytest.fixture
def port(monkeypatch):
    """A port that nobody looks at but the test."""
    monkeypatch.setattr(unshared, "_first_look", threading.Lock())
    monkeypatch.setattr(unshared, "_held", [])
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    yield f"test-{os.getpid()}"
    for taken in unshared._held:
        os.close(taken)


def test_look__of_two_threads_at_once_is_one_look(port, monkeypatch, caplog):
    """The second thread looks while the first is about to."""

    def directory():
        patched.undo()
        thread = threading.Thread(target=unshared.look, args=(port,))
        thread.start()
        thread.join(30)

    with monkeypatch.context() as patched:
        patched.setattr(unshared.slot, "directory", directory)
        unshared.look(port)
    assert len(unshared._held) == 1
    assert caplog.text == ""


def test_look__leaves_no_name_to_a_forked_child(port):
    unshared.look(port)
    assert len(unshared._held) == 1
    told, tell = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        told.close()
        tell.sendall(b"forked")
        tell.recv(1)  # until the test has ended
        os._exit(0)
    try:
        assert told.recv(6) == b"forked"
        os.close(unshared._held.pop())  # as this process would by its end
        assert unshared._take(f"django-ops-{os.getuid()}-{os.getppid()}-{port}-first")
    finally:
        told.close()
        tell.close()
        os.waitpid(pid, 0)
