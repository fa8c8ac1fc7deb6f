import random
import resource
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, values
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

from django_ops import patches
from django_ops.metrics import catalog, client, slots
from django_ops.record import slot
from tests.unit.metrics.observed import value

#: What a torn page may look like: a plausible length, then anything.
NOISE = struct.pack("i", 60_000) + random.Random(7).randbytes(70_000)


@pytest.fixture
def registry(monkeypatch, slot_directory):
    """A place to define metrics in as a site does, in a process with a slot directory."""
    monkeypatch.setattr(values, "ValueClass", values.MutexValue)
    monkeypatch.setattr(values, "MmapedDict", values.MmapedDict)
    monkeypatch.setattr(values, patches.MARK, (), raising=False)
    monkeypatch.setattr(client, "_has_complained", False)
    slots.install()
    yield CollectorRegistry()
    client.SlotValue.close_all_files()


def test_counter__is_exposed(registry):
    Counter("shop_orders", "Orders.", ["kind"], registry=registry).labels("book").inc(3)
    assert value("shop_orders_total", kind="book") == 3.0


def test_histogram__is_exposed(registry):
    Histogram("shop_seconds", "Seconds.", registry=registry, buckets=[1.0, 2.0]).observe(1.5)
    assert (value("shop_seconds_bucket", le="2.0"), value("shop_seconds_sum")) == (1.0, 1.5)


def test_summary__is_exposed(registry):
    Summary("shop_sizes", "Sizes.", registry=registry).observe(7.0)
    assert value("shop_sizes_sum") == 7.0


@pytest.mark.parametrize("mode", ["min", "max", "sum", "mostrecent", "livemin", "livemax", "livesum", "livemostrecent"])
def test_gauge__of_each_mode_is_exposed(registry, mode):
    Gauge("shop_stock", "Stock.", registry=registry, multiprocess_mode=mode).set(4.0)
    assert value("shop_stock") == 4.0


@pytest.mark.parametrize("mode", ["all", "liveall"])
def test_gauge__of_each_process_is_labelled_by_slot(registry, mode):
    """With a process id there, each worker that is recycled would be a new series."""
    Gauge("shop_stock", "Stock.", registry=registry, multiprocess_mode=mode).set(4.0)
    assert value("shop_stock", pid="0") == 4.0


def test_value__can_be_read_back(registry):
    counter = Counter("shop_orders", "Orders.", registry=registry)
    counter.inc(3)
    assert counter._value.get() == 3.0


def test_files__are_named_by_slot(registry, slot_directory):
    Counter("shop_orders", "Orders.", registry=registry).inc()
    assert {path.name for path in slot_directory.glob("*.db")} == {"counter_0.db"}


def test_files__have_no_holes(registry, slot_directory):
    """prometheus_client's own have: a full disk ends its worker by SIGBUS."""
    counter = Counter("shop_orders", "Orders.", ["kind"], registry=registry)
    for number in range(2000):
        counter.labels(str(number)).inc()
    stat = (slot_directory / "counter_0.db").stat()
    assert stat.st_size > 1 << 17
    assert stat.st_blocks * 512 >= stat.st_size


def test_files__of_prometheus_client_alone_have_holes(slot_directory):
    slot_directory.mkdir()
    file = MmapedDict(str(slot_directory / "counter_1.db"))
    file.close()
    stat = (slot_directory / "counter_1.db").stat()
    assert stat.st_blocks * 512 < stat.st_size


def test_live_gauges__of_the_slot_s_last_holder_are_gone(registry, slot_directory):
    slot_directory.mkdir()
    previous = MmapedDict(str(slot_directory / "gauge_livesum_0.db"))
    previous.write_value(mmap_key("shop_stock", "shop_stock", [], [], "Stock."), 9.0, 0.0)
    previous.close()
    Gauge("shop_stock", "Stock.", registry=registry, multiprocess_mode="livesum").inc()
    assert value("shop_stock") == 1.0


def test_counters__of_the_slot_s_last_holder_go_on(registry, slot_directory):
    slot_directory.mkdir()
    previous = MmapedDict(str(slot_directory / "counter_0.db"))
    previous.write_value(mmap_key("shop_orders", "shop_orders_total", [], [], "Orders."), 9.0, 0.0)
    previous.close()
    Counter("shop_orders", "Orders.", registry=registry).inc()
    assert value("shop_orders_total") == 10.0


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 1001,
        NOISE,
        struct.pack("i", -5) + bytes(1000),
        struct.pack("i", 2**31 - 1) + bytes(1000),
        struct.pack("ii", 40, 0) + struct.pack("i", 4) + b"nojs" + bytes(24),
        struct.pack("ii", 40, 0) + struct.pack("i", 4) + b"[1] " + bytes(24),
    ],
)
def test_file__that_cannot_be_understood_is_begun_again(registry, slot_directory, data, caplog):
    slot_directory.mkdir()
    (slot_directory / "counter_0.db").write_bytes(data)
    Counter("shop_orders", "Orders.", registry=registry).inc()
    assert value("shop_orders_total") == 1.0
    assert "counter_0.db cannot be understood" in caplog.text


@pytest.mark.parametrize("data", [b"", b"x", NOISE, struct.pack("i", 2**31 - 1) + bytes(1000)])
def test_file__of_another_slot_that_is_torn_hides_no_other(registry, slot_directory, data, caplog):
    Counter("shop_orders", "Orders.", registry=registry).inc()
    (slot_directory / "counter_7.db").write_bytes(data)
    assert value("shop_orders_total") == 1.0
    assert "1 files of prometheus_client cannot be read" in caplog.text


def test_file__of_another_slot_that_is_torn__raises_in_prometheus_client(slot_directory):
    """client_python#357, #599, #329: the whole page becomes a 500."""
    slot_directory.mkdir()
    (slot_directory / "counter_7.db").write_bytes(struct.pack("i", 2**31 - 1) + bytes(1000))
    with pytest.raises(ValueError, match="Expecting value"):
        list(MultiProcessCollector(None, str(slot_directory)).collect())


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_is_readable__of_any_bytes_raises_nothing(tmp_path, data):
    path = tmp_path / "counter_0.db"
    path.write_bytes(data)
    client.is_readable(path)


def test_is_readable__of_no_file_is_false(tmp_path):
    assert not client.is_readable(tmp_path / "counter_0.db")


def test_live_gauge__of_a_slot_whose_process_is_gone_is_not_exposed(registry, slot_directory, monkeypatch):
    catalog.AJAX.inc()
    other = MmapedDict(str(slot_directory / "gauge_livesum_7.db"))
    other.write_value(mmap_key("shop_stock", "shop_stock", [], [], "Stock."), 9.0, 0.0)
    other.close()
    (slot_directory / "metrics-7.cells").write_bytes(b"")
    assert value("shop_stock") is None


@pytest.fixture
def no_room(monkeypatch):
    """A disk that has no room for a new file."""

    def refuse(file, size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(client.layout, "allocate", refuse)


def test_full_disk__keeps_the_site_counting_in_memory(registry, slot_directory, no_room, caplog):
    counter = Counter("shop_orders", "Orders.", registry=registry)
    counter.inc(2)
    assert counter._value.get() == 2.0
    assert "metrics of prometheus_client stay in memory, the first is shop_orders: [Errno 28]" in caplog.text


def test_full_disk__is_told_once(registry, no_room, caplog):
    Histogram("shop_seconds", "Seconds.", registry=registry).observe(1.0)
    assert caplog.text.count("metrics of prometheus_client stay in memory") == 1


def test_full_disk__is_counted(registry, no_room):
    before = value(catalog.STORAGE_ERRORS.name)
    Counter("shop_orders", "Orders.", registry=registry)
    assert value(catalog.STORAGE_ERRORS.name) == before + 1.0


def test_full_disk__while_it_grows_keeps_what_is_there(registry, slot_directory):
    counter = Counter("shop_orders", "Orders.", ["kind"], registry=registry)
    counter.labels("first").inc()
    catalog.AJAX.inc()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        for number in range(2000):
            counter.labels(str(number)).inc()
        counter.labels("first").inc()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert value("shop_orders_total", kind="first") == 2.0
    assert value(catalog.STORAGE_ERRORS.name) > 1000.0


@pytest.mark.parametrize("use", [lambda gauge: gauge.inc(), lambda gauge: gauge.set(1.0)])
def test_file__that_was_closed_by_a_failure_keeps_the_site_counting(registry, use):
    """After a fork all files are opened anew; when one of them cannot be, the rest stay closed."""
    gauge = Gauge("shop_stock", "Stock.", registry=registry, multiprocess_mode="sum")
    gauge._value._file.close()
    use(gauge)
    assert gauge._value.get() == 1.0


def test_slot__that_cannot_be_claimed_keeps_the_site_counting(registry, slot_directory):
    slot_directory.write_text("")
    counter = Counter("shop_orders", "Orders.", registry=registry)
    counter.inc(2)
    assert counter._value.get() == 2.0


def test_value__that_cannot_be_read_any_more_is_0(registry, monkeypatch):
    counter = Counter("shop_orders", "Orders.", registry=registry)

    def refuse():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(client.SlotValue.__mro__[1], "get", lambda self: refuse())
    assert counter._value.get() == 0.0


def test_misuse__is_still_the_caller_s_error(registry):
    gauge = Gauge("shop_stock", "Stock.", registry=registry, multiprocess_mode="sum")
    with pytest.raises(TypeError):
        gauge.inc("1")
    gauge.inc()
    assert value("shop_stock") == 1.0


def test_identify__is_the_slot(slot_directory):
    assert (str(client.identify()), client.named()) == (slot.label(), slot.label())


def test_name__equals_nothing_but_itself():
    """So that prometheus_client opens its files anew in a child that gets the number of its parent."""
    name = client._Name("0")
    assert name == name
    assert name != client._Name("0")
    assert not name != name  # noqa: SIM202
    assert not name == client._Name("0")  # noqa: SIM201


def test_change_of_slot__lets_go_of_the_name(slot_directory):
    client.identify()
    client._forget()
    assert client.named() == ""


def test_slot__that_cannot_be_claimed_does_not_keep_the_store_from_opening(slot_directory, caplog):
    slot_directory.write_text("")
    catalog.AJAX.inc()
    assert value(catalog.AJAX.name) == 1.0


def test_prepare__keeps_a_file_that_can_be_read(tmp_path):
    path = Path(tmp_path / "counter_0.db")
    file = MmapedDict(str(path))
    file.write_value(mmap_key("a", "a_total", [], [], "A."), 3.0, 0.0)
    file.close()
    file = client.SlotFile(str(path))
    assert file.read_value(mmap_key("a", "a_total", [], [], "A."))[0] == 3.0
    file.close()
