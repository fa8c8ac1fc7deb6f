"""A listening socket that is closed without losing what the kernel has accepted."""

import errno
import os
import socket
import struct

import pytest

from django_ops.health import listener as module
from django_ops.health.listener import Listeners
from tests.programs import require_ipv6


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def listening(request):
    """A listening socket."""
    if request.param is socket.AF_INET6:
        require_ipv6()
    with socket.socket(request.param) as opened:
        opened.bind(("127.0.0.1" if request.param is socket.AF_INET else "::1", 0))
        opened.listen(10)
        yield opened


@pytest.fixture
def listeners(listening, monkeypatch):
    """What the master makes of it; without the patience that workers need."""
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(module, "_SETTLE_SECONDS", 0.05)
    made = Listeners([listening])
    yield made
    made.refuse()


def connect(listening, timeout=5.0):
    return socket.create_connection(listening.getsockname()[:2], timeout=timeout)


def test_waiting__nobody(listeners):
    assert listeners.waiting == 0


def test_waiting__counts_what_is_not_accepted(listening, listeners):
    with connect(listening), connect(listening):
        assert listeners.waiting == 2


def test_waiting__not_what_is_accepted(listening, listeners):
    with connect(listening), listening.accept()[0]:
        assert listeners.waiting == 0


def test_overlook__new_connection_is_refused(listening, listeners):
    listeners.overlook_new_connections()
    with pytest.raises(ConnectionRefusedError):
        connect(listening)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_overlook__needs_no_privilege(listening, listeners):
    """A container without capabilities is another one than root, whom the tests may run as."""
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        listeners.overlook_new_connections()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(ConnectionRefusedError):
        connect(listening)


def test_overlook__older_kernel_drops_new_connections(listening, listeners, monkeypatch):
    monkeypatch.setattr(module, "_SO_BINDTOIFINDEX", 9999)
    listeners.overlook_new_connections()
    if not may_filter():
        connect(listening).close()  # nothing was to be had
        return
    with pytest.raises(TimeoutError):
        connect(listening, timeout=0.3)


def may_filter():
    """Tell whether this process may put filters on sockets; newer kernels want CAP_NET_ADMIN for it."""
    with socket.socket() as opened:
        try:
            opened.setsockopt(socket.SOL_SOCKET, module._SO_ATTACH_FILTER, struct.pack("HL", 0, 0))
        except OSError as error:
            return error.errno != errno.EPERM
    return True


def test_overlook__waiting_connection_is_served(listening, listeners):
    with connect(listening) as client:
        listeners.overlook_new_connections()
        client.sendall(b"request")
        with listening.accept()[0] as served:
            served.settimeout(5)
            assert served.recv(100) == b"request"
            served.sendall(b"response")
            assert client.recv(100) == b"response"


def test_overlook__accepted_connection_goes_on(listening, listeners):
    with connect(listening) as client, listening.accept()[0] as served:
        listeners.overlook_new_connections()
        client.sendall(b"request")
        served.settimeout(5)
        assert served.recv(100) == b"request"


def test_overlook__waits_no_longer_than_its_patience(listening, listeners):
    with connect(listening):
        listeners.overlook_new_connections()
        assert listeners.waiting == 1


def test_overlook__sandbox_that_knows_neither_way(listening, listeners, monkeypatch):
    monkeypatch.setattr(module, "_SO_BINDTOIFINDEX", 9999)
    monkeypatch.setattr(module, "_SO_ATTACH_FILTER", 9999)
    listeners.overlook_new_connections()
    with connect(listening):
        assert listeners.waiting == 1


def test_overlook__another_system(listening, listeners, monkeypatch):
    monkeypatch.setattr(module.sys, "platform", "darwin")
    listeners.overlook_new_connections()
    with connect(listening):
        assert listeners.waiting == 1


def test_refuse__other_processes_copies_too(listening, listeners):
    with listening.dup():
        listeners.overlook_new_connections()
        listeners.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(listening)


def test_refuse__twice_is_the_same(listeners):
    listeners.refuse()
    listeners.refuse()


def test_listeners__unix_sockets_are_left_alone(tmp_path):
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "socket"))
        opened.listen(10)
        made = Listeners([opened])
        made.overlook_new_connections()
        made.refuse()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "socket"))
