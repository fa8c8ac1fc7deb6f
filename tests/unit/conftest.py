"""What the tests of the shells share."""

import socket
from collections.abc import Generator, Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from django_ops import logs
from django_ops.record.context import current


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """Fail a test that leaves a request or a task behind: what later tests do would belong to it."""
    result = yield
    if current.get() is not None:
        current.set(None)
        pytest.fail("The test has left a current request or task behind: close its response.", pytrace=False)
    return result


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses connections: it is bound, so that nobody else takes it, and not listening."""
    has_ipv6 = socket.has_dualstack_ipv6()
    with socket.socket(socket.AF_INET6 if has_ipv6 else socket.AF_INET) as held:
        if has_ipv6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # the port of IPv4 as well
        held.bind(("", 0))
        yield held.getsockname()[1]


@pytest.fixture
def connections_are_kept():
    """What Django's test client does as well: a request does not close the connection of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def records(monkeypatch, connections_are_kept):
    """The records that the log is told, in their order."""
    told = []
    monkeypatch.setattr(logs, "emit_request", told.append)
    return told
