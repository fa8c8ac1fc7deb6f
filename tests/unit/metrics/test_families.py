import sys
import threading

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics

from django_ops.metrics import catalog, exposition, families
from django_ops.metrics import store as stores
from django_ops.metrics.families import OTHER, Counter, clean
from tests.unit.metrics.observed import labels_of, series, value

any_text = st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF, categories=None))


def test_counter__adds_up():
    catalog.AJAX.inc()
    catalog.AJAX.inc(amount=2.5)
    assert value(catalog.AJAX.name) == 3.5


def test_counter__without_labels_stands_at_0_from_the_start():
    assert value(catalog.AJAX.name) == 0.0


def test_counter__with_labels_is_absent_until_it_counts():
    assert value(catalog.REQUESTS_BY_METHOD.name, method="GET") is None


def test_counter__keeps_huge_numbers():
    catalog.STREAM_BYTES.inc("v", amount=1e300)
    catalog.STREAM_BYTES.inc("v", amount=1e300)
    assert value(catalog.STREAM_BYTES.name, view="v") == 2e300


def test_gauge__can_be_set():
    catalog.READY.set(1)
    assert value(catalog.READY.name) == 1.0


def test_gauge__can_be_lowered():
    catalog.TASKS_IN_PROGRESS.inc(amount=3.0)
    catalog.TASKS_IN_PROGRESS.inc(amount=-2.0)
    assert value(catalog.TASKS_IN_PROGRESS.name) == 1.0


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.0, "0.01"), (0.01, "0.01"), (0.0100001, "0.025"), (75.0, "75.0"), (75.1, "+Inf")]
)
def test_histogram__counts_in_the_first_bucket_that_is_not_below(seconds, bound):
    catalog.QUEUE_SECONDS.observe(seconds)
    buckets = [dict(labels)["le"] for (name, labels), count in series().items()
               if name == f"{catalog.QUEUE_SECONDS.name}_bucket" and count]  # fmt: skip
    assert buckets[0] == bound


def test_histogram__adds_up():
    for seconds in (0.25, 0.5, 100.0):
        catalog.QUEUE_SECONDS.observe(seconds)
    name = catalog.QUEUE_SECONDS.name
    assert (value(f"{name}_count"), value(f"{name}_sum")) == (3.0, 100.75)


def test_wrong_number_of_labels__is_an_error():
    with pytest.raises(ValueError, match="takes the labels"):
        catalog.REQUESTS_BY_METHOD.inc("GET", "POST")


def test_name__cannot_be_taken_twice():
    with pytest.raises(ValueError, match="is defined twice"):
        Counter("django_http_ajax_requests_total", "Again.")


def test_limit__folds_what_is_beyond(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 3
    for number in range(10):
        catalog.LOG_RECORDS_DROPPED.inc(f"reason {number}")
    assert labels_of(catalog.LOG_RECORDS_DROPPED.name, "reason") == {"reason 0", "reason 1", "reason 2", OTHER}


def test_limit__loses_no_observation(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 3
    for number in range(10):
        catalog.LOG_RECORDS_DROPPED.inc(f"reason {number}")
    assert value(catalog.LOG_RECORDS_DROPPED.name, reason=OTHER) == 7.0


def test_limit__counts_each_folded_observation(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 3
    for number in (0, 1, 2, 3, 3, 3, 4):
        catalog.LOG_RECORDS_DROPPED.inc(f"reason {number}")
    assert value(catalog.VALUES_FOLDED.name, metric=catalog.LOG_RECORDS_DROPPED.name, label="reason") == 4.0


def test_limit__leaves_known_values_alone(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 1
    for reason in ("known", "invented", "known"):
        catalog.LOG_RECORDS_DROPPED.inc(reason)
    assert value(catalog.LOG_RECORDS_DROPPED.name, reason="known") == 2.0


def test_limit__is_per_label(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 2
    for number in range(5):
        catalog.CACHE_SECONDS.observe(0.1, "default", f"operation {number}")
    assert labels_of(f"{catalog.CACHE_SECONDS.name}_count", "alias") == {"default"}


def test_limit__of_the_counter_of_folded_values_counts_nothing_itself(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 1
    for metric in ("first", "second", "third"):
        catalog.VALUES_FOLDED.inc(metric, "label")
    assert labels_of(catalog.VALUES_FOLDED.name, "metric") == {"first", OTHER}


def test_limit__holds_for_threads_that_race(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 5
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    barrier = threading.Barrier(8)

    def count(thread: int) -> None:
        barrier.wait(10)
        for number in range(200):
            catalog.LOG_RECORDS_DROPPED.inc(f"{thread}-{number}")

    threads = [threading.Thread(target=count, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sys.setswitchinterval(interval)
    assert len(labels_of(catalog.LOG_RECORDS_DROPPED.name, "reason")) == 6
    assert sum(count for (name, _), count in series().items() if name == catalog.LOG_RECORDS_DROPPED.name) == 1600


@given(any_text)
def test_clean__makes_any_text_encodable(text):
    clean(text).encode()


@given(any_text)
def test_clean__bounds_the_length(text):
    assert len(clean(text)) <= 200 * len(r"\udcff")


@given(st.text(max_size=200))
def test_clean__leaves_short_text_alone(text):
    assert clean(text) == text


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_text)
def test_label_value__of_any_text_gives_a_valid_exposition(store, text):
    catalog.LOG_RECORDS_DROPPED.inc(text)
    body, _ = exposition.expose("application/openmetrics-text; version=1.0.0", "", [])
    families_read = {family.name: family for family in parse_open_metrics(body.decode())}
    values = {sample.labels["reason"] for sample in families_read["django_ops_log_records_dropped"].samples}
    assert clean(text) in values | {OTHER}


def test_fold__before_the_catalog_is_there_is_no_error(monkeypatch):
    monkeypatch.setattr(families, "registry", {})
    families.on_fold("metric", "label")


def test_together__counts_for_each():
    store = stores.active()
    catalog.REQUESTS_BY_METHOD.inc("GET")
    (place,) = families.together(store, (catalog.AJAX, ()), (catalog.REQUESTS_BY_METHOD, ("GET",)))
    store.buffer[place] += 2.0
    assert (value(catalog.AJAX.name), value(catalog.REQUESTS_BY_METHOD.name, method="GET")) == (2.0, 3.0)


def test_together__folds_what_is_beyond_the_limit(settings):
    settings.OPS_METRICS_LABEL_LIMIT = 1
    store = stores.active()
    for view in ("one", "two", "three"):
        for place in families.together(store, (catalog.EXCEPTIONS_BY_VIEW, (view,)), (catalog.AJAX, ())):
            store.buffer[place] += 1.0
    assert value(catalog.EXCEPTIONS_BY_VIEW.name, view="one") == 1.0
    assert value(catalog.EXCEPTIONS_BY_VIEW.name, view=OTHER) == 2.0
    assert value(catalog.AJAX.name) == 3.0
    assert value(catalog.VALUES_FOLDED.name, metric=catalog.EXCEPTIONS_BY_VIEW.name, label="view") == 2.0
