"""What the tests of health share: nothing that one leaves behind may reach the next."""

import pytest

from django_ops.health import drain, readiness
from django_ops.health.board import Board


@pytest.fixture(autouse=True)
def board(monkeypatch):
    """A board of this test's own: nobody drains."""
    fresh = Board()
    monkeypatch.setattr(drain, "board", fresh)
    return fresh


@pytest.fixture
def drain_file(tmp_path, settings):
    """A drain file of this test's own; not there yet."""
    path = tmp_path / "draining"
    settings.OPS_DRAIN_FILE = str(path)
    return path


@pytest.fixture
def fresh_readiness(drain_file, settings):
    """Readiness without a past, that believes nothing for longer than one probe."""
    settings.OPS_READYZ_CHECKS = []
    settings.OPS_READYZ_CACHE_SECONDS = 0
    readiness.reset()
    yield readiness
    readiness.reset()
