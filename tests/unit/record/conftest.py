"""A process as it is when it has just been started."""

import os

import pytest

from django_ops.record import slot


@pytest.fixture
def just_started(monkeypatch):
    """A process that holds no slot, and has no slot directory."""
    monkeypatch.delenv(slot.DIRECTORY_VARIABLE, raising=False)
    for name, value in (
        ("_label", None),
        ("_next", None),
        ("_held", {}),
        ("_given_back", set()),
        ("_listeners", []),
    ):
        monkeypatch.setattr(slot, name, value)
    yield
    for descriptor in slot._held.values():
        os.close(descriptor)


@pytest.fixture
def where(monkeypatch, tmp_path):
    """The slot directory, which nobody has made yet."""
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, str(tmp_path / "slots"))
    return tmp_path / "slots"
