"""What the tests of metrics share: numbers that begin at nothing, and slot directories of a test's own."""

import os
from pathlib import Path

import pytest
from django.core.cache import caches
from prometheus_client import CollectorRegistry

from django_ops.metrics import caches as counted_caches
from django_ops.metrics import client, merge
from django_ops.metrics import store as stores
from django_ops.record import slot


@pytest.fixture(autouse=True)
def store(monkeypatch):
    """A store in memory, of this test's own, and no metrics of other libraries."""
    monkeypatch.delenv(slot.DIRECTORY_VARIABLE, raising=False)
    monkeypatch.setattr(merge, "REGISTRY", CollectorRegistry())
    stores.forget()
    yield stores.active()
    stores.forget()


@pytest.fixture
def slot_directory(monkeypatch, tmp_path):
    """A slot directory in which this process holds no slot yet; its store lies in it from now on."""
    directory = tmp_path / "slots"
    use_directory(monkeypatch, directory)
    yield directory
    for descriptor in slot._held.values():
        os.close(descriptor)
    stores.forget()


def use_directory(monkeypatch, directory: Path) -> None:
    """Let this process be one that was just started with `directory` as its slot directory."""
    monkeypatch.setenv(slot.DIRECTORY_VARIABLE, str(directory))
    for name, value in (("_label", None), ("_next", None), ("_held", {})):
        monkeypatch.setattr(slot, name, value)
    monkeypatch.setattr(client, "_named", client._NOBODY)
    stores.forget()


@pytest.fixture
def configured_caches(settings):
    """Caches of each kind, which count."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "default"},
        "second": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "second"},
        "dummy": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        "theirs": {"BACKEND": "django_prometheus.cache.backends.locmem.LocMemCache", "LOCATION": "theirs"},
        "failing": {"BACKEND": "tests.unit.metrics.backends.FailingCache"},
        "async": {"BACKEND": "tests.unit.metrics.backends.AsyncCache"},
        "thrifty": {"BACKEND": "tests.unit.metrics.backends.ThriftyCache", "LOCATION": "thrifty"},
    }
    counted_caches.install()
    yield
    for alias in ("default", "second", "theirs", "thrifty"):
        caches[alias].clear()
