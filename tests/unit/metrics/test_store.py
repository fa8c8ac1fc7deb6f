import os
import signal
import threading
from pathlib import Path

import pytest

from django_ops.metrics import catalog, layout, observe
from django_ops.metrics import store as stores
from django_ops.metrics.families import together
from django_ops.metrics.store import SlotStore, Store
from tests.unit.metrics.observed import exposed, request, value


def vectors(store: Store) -> dict[layout.Key, list[float]]:
    """Return what another process reads of a store, without its own notes."""
    entries = store.entries() if store.path is None else layout.vectors(store.path.read_bytes())
    return {key: vector for key, vector in entries if not key[0].startswith(("_", "django"))}


def fill(store: Store, count: int) -> None:
    for number in range(count):
        offset = store.offset(("filler", str(number)), 8)
        store.buffer[offset] = float(number)  # after the offset is known, as to find it may move the buffer


@pytest.fixture(params=["memory", "file"])
def kept(request, tmp_path):
    """A store in memory, and one in a file."""
    return Store() if request.param == "memory" else SlotStore(tmp_path / "0.cells")


def test_offset__of_a_new_key_is_a_vector_of_zeros(kept):
    offset = kept.offset(("a",), 3)
    assert list(kept.buffer[offset : offset + 3]) == [0.0, 0.0, 0.0]


def test_offset__of_the_same_key_is_the_same(kept):
    assert kept.offset(("a", "x"), 3) == kept.offset(("a", "x"), 3)


def test_offset__of_different_keys_does_not_overlap(kept):
    first = kept.offset(("a", "x"), 3)
    assert kept.offset(("a", "y"), 1) >= first + 3


def test_buffer__is_what_a_reader_sees(kept):
    offset = kept.offset(("a",), 2)
    kept.buffer[offset + 1] = 4.5
    assert vectors(kept) == {("a",): [0.0, 4.5]}


def test_growth__keeps_every_number(kept):
    fill(kept, 5000)
    assert vectors(kept) == {("filler", str(number)): [float(number)] + [0.0] * 7 for number in range(5000)}


def test_growth__moves_the_buffer(tmp_path):
    kept = SlotStore(tmp_path / "0.cells")
    before = kept.buffer
    fill(kept, 5000)
    assert kept.buffer is not before


def test_entries__are_a_copy(kept):
    offset = kept.offset(("a",), 1)
    entries = kept.entries()
    kept.buffer[offset] = 1.0
    assert dict(entries)[("a",)] == [0.0]


def test_reopened_file__goes_on_where_the_last_holder_stopped(slot_directory):
    catalog.AJAX.inc(amount=5.0)
    stores.forget()
    catalog.AJAX.inc()
    assert value(catalog.AJAX.name) == 6.0


def test_reopened_file__knows_the_values_that_fill_the_labels(slot_directory, settings):
    settings.OPS_METRICS_LABEL_LIMIT = 2
    for reason in ("first", "second"):
        catalog.LOG_RECORDS_DROPPED.inc(reason)
    stores.forget()
    catalog.LOG_RECORDS_DROPPED.inc("third")
    assert value(catalog.LOG_RECORDS_DROPPED.name, reason="__other__") == 1.0


def test_reopened_file__lets_its_gauges_begin_at_0(slot_directory):
    observe.request_began()
    stores.forget()
    assert value(catalog.IN_PROGRESS.name) == 0.0


def test_reopened_file__of_another_size_of_vectors_keeps_them_apart(slot_directory, monkeypatch):
    catalog.AJAX.inc()
    stores.forget()
    monkeypatch.setattr(catalog.AJAX, "length", 2)  # a later release
    catalog.AJAX.inc()
    monkeypatch.undo()
    assert [vector for key, vector in stores.active().entries() if key[0] == catalog.AJAX.name] == [[1.0], [1.0, 0.0]]


def test_reopened_file__of_another_size_keeps_what_counts_together_apart(slot_directory, monkeypatch):
    pair = ((catalog.AJAX, ()), (catalog.RESPONSES_BEFORE, ()))
    together(stores.active(), *pair)
    stores.forget()
    for family, _ in pair:
        monkeypatch.setattr(family, "length", 2)  # a later release
    (place,) = together(stores.active(), *pair)
    stores.active().buffer[place + 1] += 1.0  # beyond the end of the former vector
    assert [len(vector) for key, vector in stores.active().entries() if key[0] == layout.TOGETHER] == [1, 2]


def test_reopened_file__with_other_latency_bounds_begins_again(slot_directory, settings):
    observe.observe_request(request())
    stores.forget()
    settings.OPS_METRICS_LATENCY_BUCKETS = [1.0, 2.0]
    observe.observe_request(request())
    assert value(f"{catalog.LATENCY_ALL.name}_count") == 1.0


def test_latency_bounds__are_those_of_the_settings(settings):
    settings.OPS_METRICS_LATENCY_BUCKETS = [1, 2.5]
    stores.forget()
    catalog.QUEUE_SECONDS.observe(2.0)
    assert f'{catalog.QUEUE_SECONDS.name}_bucket{{le="2.5"}} 1.0' in exposed()


@pytest.mark.parametrize("bounds", ["fast", None, [2.0, 1.0], [], [float("inf")]])
def test_latency_bounds__are_the_default_where_the_setting_is_unusable(settings, bounds):
    settings.OPS_METRICS_LATENCY_BUCKETS = bounds
    stores.forget()
    stores.active()
    assert catalog.QUEUE_SECONDS.bounds[0] == 0.01


@pytest.mark.parametrize("length", [0, 1, 7, 8, 15, 16, 100, 1001, 4097, 65535])
def test_file__that_was_cut_short_can_be_used(slot_directory, length):
    catalog.AJAX.inc()
    path = stores.active().path
    stores.forget()
    os.truncate(path, length)
    catalog.REQUESTS_BY_METHOD.inc("GET")
    assert value(catalog.REQUESTS_BY_METHOD.name, method="GET") == 1.0


@pytest.mark.parametrize("data", [b"x" * 1001, b"SQLite format 3\0" + bytes(5000), bytes(range(256)) * 400])
def test_file__of_somebody_else_is_begun_again(slot_directory, data):
    slot_directory.mkdir()
    (slot_directory / "metrics-0.cells").write_bytes(data)
    catalog.AJAX.inc()
    assert value(catalog.AJAX.name) == 1.0


def test_file__with_a_damaged_tail_gives_new_vectors_zeros(slot_directory):
    path = stores.active().path
    used = stores.active()._used
    stores.forget()
    with path.open("r+b") as file:
        file.seek(used)
        file.write(b"\xff" * 4096)
    catalog.REQUESTS_BY_METHOD.inc("GET")
    assert value(catalog.REQUESTS_BY_METHOD.name, method="GET") == 1.0


def test_file__has_no_holes(tmp_path):
    """A hole that is written to on a full disk is SIGBUS: the end of the worker, not an error."""
    store = SlotStore(tmp_path / "0.cells")
    fill(store, 5000)
    stat = os.stat(store.path)
    assert stat.st_blocks * 512 >= stat.st_size


def test_file__that_had_holes_has_none_when_it_is_used_again(slot_directory):
    path = stores.active().path
    stores.forget()
    os.truncate(path, 1 << 20)
    stores.active()
    stat = path.stat()
    assert stat.st_blocks * 512 >= stat.st_size


def test_file__is_only_for_its_owner(slot_directory):
    assert stores.active().path.stat().st_mode & 0o777 == 0o600


def test_file__behind_a_symbolic_link_is_not_touched(slot_directory, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    slot_directory.mkdir()
    (slot_directory / "metrics-0.cells").symlink_to(victim)
    stores.active()
    assert victim.read_text() == "precious"


def test_descriptor__is_closed_with_the_store(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        SlotStore(tmp_path / "0.cells")
    assert len(os.listdir("/proc/self/fd")) == before


def test_threads__lose_nothing_while_the_buffer_grows(kept):
    """8 threads x 20,000 observations, on counters that are shared and on keys that are new."""
    shared = kept.offset(("shared",), 1)
    barrier = threading.Barrier(8)

    def count(thread: int) -> None:
        barrier.wait(10)
        for number in range(20_000):
            mine = kept.offset(("own", str(thread), str(number % 400)), 1)
            with kept.lock:
                kept.buffer[shared] += 1.0
                kept.buffer[mine] += 1.0

    threads = [threading.Thread(target=count, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    counted = vectors(kept)
    assert counted.pop(("shared",)) == [160_000.0]
    assert set(map(tuple, counted.values())) == {(50.0,)}


def test_signal_handler__may_count_while_its_thread_counts(tmp_path):
    """It interrupts appends, and can neither wait for them nor harm them."""
    kept = SlotStore(tmp_path / "0.cells")
    interruptions = 0

    def handler(number, frame):
        nonlocal interruptions
        interruptions += 1
        offset = kept.offset(("handler", str(interruptions)), 1)
        kept.buffer[offset] += 1.0

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        written = 0
        while interruptions < 200:
            offset = kept.offset(("main", str(written)), 3)
            with kept.lock:
                kept.buffer[offset + 2] = 7.0
            written += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    counted = vectors(kept)
    assert {key: counted[key] for key in counted if key[0] == "main"} == {
        ("main", str(number)): [0.0, 0.0, 7.0] for number in range(written)
    }


def test_append_within_an_append__is_counted_as_lost(kept, monkeypatch):
    inner: list[int] = []

    def interrupted(key, length):
        inner.append(kept.offset(("inner",), 1))
        return add(key, length)

    add = kept._add
    monkeypatch.setattr(kept, "_add", interrupted)
    kept.offset(("outer",), 1)
    assert (inner, kept.buffer[kept._errors], list(vectors(kept))) == ([kept._overflow], 1.0, [("outer",)])


def test_active__within_its_own_opening_is_a_store_for_nobody(monkeypatch):
    stores.forget()
    inner: list[Store] = []
    monkeypatch.setattr(stores, "before_open", [*stores.before_open, lambda: inner.append(stores.active())])
    assert stores.active() is not inner[0]


def test_active__is_the_same_for_all_threads(slot_directory):
    found: list[Store] = []
    threads = [threading.Thread(target=lambda: found.append(stores.active())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(set(map(id, found))) == 1


def test_file_of__names_the_slot():
    assert stores.file_of(Path("/slots"), "3") == Path("/slots/metrics-3.cells")
