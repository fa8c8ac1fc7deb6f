import os

import pytest
from prometheus_client import values

from django_ops import patches
from django_ops.metrics import catalog, client, slots
from django_ops.metrics import store as stores
from django_ops.record import slot
from tests.unit.record.test_slot import hold

OF_SLOT_3 = [
    "metrics-3.cells", "counter_3.db", "gauge_livesum_3.db", "gauge_all_3.db", "histogram_3.db", "summary_3.db",
]  # fmt: skip


@pytest.fixture
def left(slot_directory):
    """A slot directory as an earlier server left it."""
    slot_directory.mkdir()
    for name in [*OF_SLOT_3, "metrics-main.cells", "counter_4711.db", "slot-3.lock"]:
        (slot_directory / name).write_bytes(b"old")
    return slot_directory


def names(directory) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_wipe__removes_what_is_left_of_slots_that_nobody_holds(left):
    slots.wipe(left)
    assert names(left) == {"slot-3.lock"}


def test_wipe__keeps_what_belongs_to_a_slot_that_is_held(left):
    descriptor = hold(left, "3")
    slots.wipe(left)
    assert set(OF_SLOT_3) <= names(left)
    os.close(descriptor)


def test_wipe__by_a_master_empties_its_own_slot(left):
    slot.be_main()
    slots.wipe(left)
    assert "metrics-main.cells" not in names(left)


def test_wipe__keeps_what_this_process_counts(left):
    catalog.AJAX.inc()
    slots.wipe(left)
    assert stores.active().path.exists()


@pytest.mark.parametrize("name", ["shop.db", "db.sqlite3", "gauge_mine.db", "metrics.cells", "notes.txt", "draining"])
def test_wipe__keeps_what_is_not_its_own(left, name):
    """Somebody may have named the directory of a database by mistake."""
    (left / name).write_text("precious")
    slots.wipe(left)
    assert (left / name).read_text() == "precious"


def test_wipe__of_a_directory_that_does_not_exist_is_nothing(slot_directory):
    slots.wipe(slot_directory)


def test_wipe__that_is_refused_raises_nothing(left, monkeypatch, caplog):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(left), "unlink", refuse)
    slots.wipe(left)
    assert "cannot be emptied: [Errno 13] Permission denied" in caplog.text


@pytest.mark.parametrize(
    ("name", "label"),
    [("metrics-3.cells", "3"), ("metrics-main2.cells", "main2"), ("counter_3.db", "3"), ("gauge_liveall_12.db", "12")],
)
def test_label_of__a_file_is_its_slot(tmp_path, name, label):
    assert slots.label_of(tmp_path / name) == label


def test_forget__removes_the_live_gauges_of_a_slot(left):
    slots.forget("3")
    assert {*OF_SLOT_3} - names(left) == {"gauge_livesum_3.db"}


def test_forget__without_a_directory_is_nothing():
    slots.forget("3")


def test_forget__that_is_refused_raises_nothing(left, monkeypatch, caplog):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "remove", refuse)
    slots.forget("3")
    assert "the gauges of slot 3 cannot be removed" in caplog.text


@pytest.fixture
def original(monkeypatch):
    """prometheus_client as it was before anything was installed."""
    monkeypatch.setattr(values, "ValueClass", values.MutexValue)
    monkeypatch.setattr(values, "MmapedDict", values.MmapedDict)
    monkeypatch.setattr(values, patches.MARK, (), raising=False)


def test_install__without_a_directory_changes_nothing(original):
    slots.install()
    assert values.ValueClass is values.MutexValue


def test_install__makes_values_that_belong_to_slots(original, slot_directory):
    slots.install()
    assert values.ValueClass is client.SlotValue


def test_install__claims_no_slot(original, slot_directory):
    """A master that did would give the first of its workers' slots to itself."""
    slots.install()
    assert slot._label is None
    assert not slot_directory.exists()


def test_install__twice_is_once(original, slot_directory):
    slots.install()
    slots.install()
    assert values.ValueClass is client.SlotValue
