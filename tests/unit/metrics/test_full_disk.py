import os
import resource

import pytest

from django_ops.metrics import catalog, layout
from django_ops.metrics import store as stores
from django_ops.metrics.families import together
from tests.unit.metrics.observed import value
from tests.unit.metrics.test_store import fill, vectors


@pytest.fixture
def full_disk(slot_directory):
    """A store whose file cannot grow any more, as on a full disk."""
    store = stores.active()
    fill(store, (len(store._map) - store._used - 2000) // 96)
    assert 1000 < len(store._map) - store._used < 8000
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(store._map), hard))
    yield store
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def overfill() -> None:
    for number in range(100):
        catalog.CACHE_SECONDS.observe(0.5, "default", f"operation{number}")


def test_full_disk__raises_nothing(full_disk):
    overfill()


def test_full_disk__goes_on_counting_what_it_knows(full_disk):
    overfill()
    catalog.STORAGE_ERRORS.inc(amount=1000.0)
    assert value(catalog.STORAGE_ERRORS.name) > 1000.0


def test_full_disk__counts_what_is_lost(full_disk):
    overfill()
    kept = sum(key[0] == catalog.CACHE_SECONDS.name for key, _ in full_disk.entries())
    assert 0 < kept < 100
    assert value(catalog.STORAGE_ERRORS.name) == 100 - kept


def test_full_disk__harms_no_other_number(full_disk):
    overfill()
    assert all(vector == [float(key[1])] + [0.0] * 7 for key, vector in vectors(full_disk).items())


def test_full_disk__is_asked_for_room_once_in_a_while(full_disk, monkeypatch):
    asked = []
    monkeypatch.setattr(layout, "allocate", lambda file, size: asked.append(size) or refuse_room())
    overfill()
    assert len(asked) == 1


def refuse_room():
    raise OSError(28, "No space left on device")


def test_full_disk__that_has_room_again_takes_new_series(full_disk, monkeypatch):
    overfill()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    monkeypatch.setattr(stores, "monotonic", lambda: float("inf"))
    catalog.CACHE_SECONDS.observe(0.5, "default", "a new one")
    assert value(f"{catalog.CACHE_SECONDS.name}_count", alias="default", operation="a new one") == 1.0


def test_full_disk__from_the_start_counts_in_memory(slot_directory, monkeypatch, caplog):
    monkeypatch.setattr(layout, "allocate", lambda file, size: refuse_room())
    catalog.AJAX.inc()
    assert (value(catalog.AJAX.name), value(catalog.STORAGE_ERRORS.name)) == (1.0, 1.0)
    assert "stay in memory: [Errno 28] No space left on device" in caplog.text


def test_directory_that_is_a_file__counts_in_memory(slot_directory, caplog):
    slot_directory.write_text("")
    catalog.AJAX.inc()
    assert value(catalog.AJAX.name) == 1.0


def test_directory_without_permission__counts_in_memory(slot_directory, monkeypatch, caplog):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root may do everything, so its tests cannot be refused otherwise
    store = stores.active()
    monkeypatch.undo()
    assert store.path is None
    assert "Make it a directory that this user may write." in caplog.text


def test_full_disk__counts_each_child_where_there_is_no_room_for_all(full_disk):
    overfill()
    places = together(full_disk, (catalog.AJAX, ()), *[(catalog.RESPONSES_BEFORE, ())] * 200)
    for place in places:
        full_disk.buffer[place] += 1.0
    assert (value(catalog.AJAX.name), value(catalog.RESPONSES_BEFORE.name)) == (1.0, 200.0)
