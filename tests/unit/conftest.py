"""What the tests of the shells share."""

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from django_ops import logs


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
