import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as ClientCounter

from django_ops.metrics import catalog, layout, merge
from django_ops.metrics import store as stores
from django_ops.record import process
from tests.unit.metrics.observed import value
from tests.unit.metrics.test_layout import image

COUNTER = catalog.REQUESTS_BY_METHOD.name
HISTOGRAM = catalog.QUEUE_SECONDS.name


def slot_of(*entries, is_alive=True, label="1", bounds=None) -> merge.Slot:
    return merge.Slot(label, list(entries), is_alive, stores.latency_bounds if bounds is None else bounds)


def write_slot(directory: Path, label: str, *entries, pid=None, started=None) -> None:
    """Write the file of another process's slot; of this one where none is named."""
    directory.mkdir(exist_ok=True)
    pid = os.getpid() if pid is None else pid
    holder = [float(pid), process.started_ticks(pid) if started is None else started]
    (directory / f"metrics-{label}.cells").write_bytes(
        image(((stores.HOLDER,), holder), ((stores.BOUNDS,), list(stores.latency_bounds)), *entries)
    )


def test_counters__of_all_slots_are_added():
    assert merge.add_up([slot_of(((COUNTER, "GET"), [2.0])), slot_of(((COUNTER, "GET"), [3.0]))]) == {
        (COUNTER, "GET"): [5.0]
    }


def test_counters__of_processes_that_are_gone_still_count():
    assert merge.add_up([slot_of(((COUNTER, "GET"), [2.0]), is_alive=False)]) == {(COUNTER, "GET"): [2.0]}


def test_histograms__of_all_slots_are_added():
    vector = [1.0] * catalog.QUEUE_SECONDS.length
    merged = merge.add_up([slot_of(((HISTOGRAM,), vector)), slot_of(((HISTOGRAM,), vector))])
    assert merged == {(HISTOGRAM,): [2.0] * catalog.QUEUE_SECONDS.length}


def test_histograms__with_other_bounds_are_passed_over():
    vector = [1.0] * catalog.QUEUE_SECONDS.length
    assert merge.add_up([slot_of(((HISTOGRAM,), vector), bounds=(1.0, 2.0))]) == {}


def test_histograms__with_bounds_of_their_own_do_not_mind_the_settings():
    vector = [1.0] * catalog.REQUEST_BYTES.length
    assert merge.add_up([slot_of(((catalog.REQUEST_BYTES.name,), vector), bounds=(1.0, 2.0))])


def test_gauges__of_live_processes_are_added():
    entry = ((catalog.IN_PROGRESS.name,), [2.0, 0.0])
    assert merge.add_up([slot_of(entry), slot_of(entry), slot_of(entry, is_alive=False)]) == {
        (catalog.IN_PROGRESS.name,): [4.0]
    }


def test_gauges__that_say_yes_or_no_are_not_added():
    entry = ((catalog.READY.name,), [1.0, 0.0])
    assert merge.add_up([slot_of(entry), slot_of(entry)]) == {(catalog.READY.name,): [1.0]}


@pytest.mark.parametrize(
    "entry",
    [
        (("a_metric_of_another_release",), [1.0]),
        ((COUNTER,), [1.0]),
        ((COUNTER, "GET", "more"), [1.0]),
        ((COUNTER, "GET"), [1.0, 2.0]),
        ((COUNTER, "GET"), []),
        ((HISTOGRAM,), [1.0]),
        ((COUNTER, "GET"), [-1.0]),
        ((COUNTER, "GET"), [math.nan]),
        ((COUNTER, "GET"), [math.inf]),
        ((HISTOGRAM,), [1.0] * (catalog.QUEUE_SECONDS.length - 1) + [math.nan]),
    ],
)
def test_entry__that_cannot_be_ours_is_passed_over(entry):
    assert merge.add_up([slot_of(entry)]) == {}


entries = st.lists(
    st.tuples(
        st.tuples(st.sampled_from([*catalog.FAMILIES, "other"]), st.text(max_size=3)),
        st.lists(st.floats(), max_size=3),
    )
)


@given(entries, st.booleans())
def test_entries__of_any_kind_are_added_up_without_an_error(found, is_alive):
    merge.add_up([slot_of(*found, is_alive=is_alive)])


def test_slots__of_all_files_are_read(slot_directory):
    stores.active()
    write_slot(slot_directory, "7", ((COUNTER, "GET"), [2.0]))
    catalog.REQUESTS_BY_METHOD.inc("GET")
    assert value(COUNTER, method="GET") == 3.0


def test_slot__whose_process_is_gone_has_no_gauges(slot_directory):
    stores.active()
    write_slot(slot_directory, "7", ((catalog.IN_PROGRESS.name,), [5.0, 0.0]), pid=process._HIGHEST_PID - 1)
    assert value(catalog.IN_PROGRESS.name) == 0.0


def test_slot__whose_process_id_was_given_to_another_has_no_gauges(slot_directory):
    """client_python refused compaction for this: process ids are used again."""
    stores.active()
    write_slot(slot_directory, "7", ((catalog.IN_PROGRESS.name,), [5.0, 0.0]), pid=os.getpid(), started=1.0)
    assert value(catalog.IN_PROGRESS.name) == 0.0


def test_slot__of_a_living_process_has_gauges(slot_directory):
    stores.active()
    write_slot(slot_directory, "7", ((catalog.IN_PROGRESS.name,), [5.0, 0.0]))
    assert value(catalog.IN_PROGRESS.name) == 5.0


@pytest.mark.parametrize("holder", [[], [1.0], [math.nan, 0.0], [math.inf, 0.0], [-1.0, 0.0], [1e300, 1.0], [1.5, 0.0]])
def test_slot__with_a_holder_that_is_none_is_read(slot_directory, holder):
    stores.active()
    (slot_directory / "metrics-7.cells").write_bytes(
        image(((stores.HOLDER,), holder), ((catalog.IN_PROGRESS.name,), [5.0, 0.0]), ((COUNTER, "GET"), [2.0]))
    )
    assert (value(catalog.IN_PROGRESS.name), value(COUNTER, method="GET")) == (0.0, 2.0)


def test_slot__that_cannot_be_read_hides_no_other(slot_directory, caplog):
    """One such file turns the whole page of the peer into a 500 (client_python#357)."""
    catalog.AJAX.inc()
    (slot_directory / "metrics-7.cells").mkdir()
    assert value(catalog.AJAX.name) == 1.0
    assert "metrics-7.cells cannot be read" in caplog.text


def test_store_in_memory__beside_a_slot_directory_is_read_as_well(slot_directory, monkeypatch, caplog):
    monkeypatch.setattr(layout, "allocate", lambda file, size: (_ for _ in ()).throw(OSError(28, "full")))
    write_slot(slot_directory, "7", ((COUNTER, "GET"), [2.0]))
    catalog.REQUESTS_BY_METHOD.inc("GET")
    assert value(COUNTER, method="GET") == 3.0


def test_others__that_raise_do_not_hide_ours(monkeypatch, caplog):
    class Broken:
        def collect(self):
            raise RuntimeError("broken")

    registry = CollectorRegistry()
    ClientCounter("before", "Whole.", registry=registry).inc()
    registry.register(Broken())
    monkeypatch.setattr(merge, "REGISTRY", registry)
    catalog.AJAX.inc()
    assert (value(catalog.AJAX.name), value("before_total")) == (1.0, 1.0)
    assert "the metrics of prometheus_client cannot be read" in caplog.text


def test_others__in_a_directory_that_does_not_exist_are_none(slot_directory):
    assert list(merge.of_others([])) == []
