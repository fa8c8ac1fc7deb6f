import contextlib

import pytest
from prometheus_client import CollectorRegistry, Counter

from django_ops.metrics import catalog, merge
from django_ops.testing import capture_metrics
from tests.unit.metrics.observed import serve

STATUS = "django_http_responses_total_by_status_total"
LATENCY = "django_http_requests_latency_including_middlewares_seconds"


def test_growth__is_what_happened_in_the_block():
    serve()
    with capture_metrics() as grown:
        serve()
        serve()
    serve()
    assert grown(STATUS, status="200") == 2


def test_growth__within_the_block_is_what_happened_so_far():
    with capture_metrics() as grown:
        serve()
        assert grown(STATUS, status="200") == 1
        serve()
        assert grown(STATUS, status="200") == 2


def test_growth__of_what_did_not_happen_is_0():
    with capture_metrics() as grown:
        serve()
    assert grown(STATUS, status="500") == 0


def test_growth__of_a_histogram_has_count_sum_and_buckets():
    with capture_metrics() as grown:
        serve(first_byte_ns=2_000_000_000)
    assert (grown(f"{LATENCY}_count"), grown(f"{LATENCY}_sum"), grown(f"{LATENCY}_bucket", le="2.5")) == (1, 2.0, 1)


def test_growth__of_a_gauge_may_fall():
    catalog.TASKS_IN_PROGRESS.inc(amount=2.0)
    with capture_metrics() as grown:
        catalog.TASKS_IN_PROGRESS.inc(amount=-1.0)
    assert grown("django_ops_celery_tasks_in_progress") == -1


def test_growth__of_a_metric_of_the_project_is_captured(monkeypatch):
    registry = CollectorRegistry()
    monkeypatch.setattr(merge, "REGISTRY", registry)
    orders = Counter("shop_orders", "Orders.", ["kind"], registry=registry)
    with capture_metrics() as grown:
        orders.labels("book").inc()
    assert grown("shop_orders_total", kind="book") == 1


def test_all__is_every_series_that_changed():
    with capture_metrics() as grown:
        catalog.AJAX.inc()
    assert grown.all() == {("django_http_ajax_requests_total", frozenset()): 1.0}


def test_name__that_no_metric_has_is_an_error_with_the_nearest():
    with capture_metrics() as grown, pytest.raises(LookupError, match=rf"did you mean {STATUS}\?"):
        grown("django_http_responses_by_status_total", status="200")


def test_name__like_none_is_an_error():
    with capture_metrics() as grown, pytest.raises(LookupError, match=r"^there is no sample colour$"):
        grown("colour")


def test_label__that_the_metric_does_not_have_is_an_error():
    with capture_metrics() as grown, pytest.raises(LookupError, match=r"has the labels \['status'\], not \['code'\]"):
        grown(STATUS, code="200")


def test_block__that_raises_can_be_looked_at():
    with contextlib.suppress(ZeroDivisionError), capture_metrics() as grown:
        serve()
        raise ZeroDivisionError
    assert grown(STATUS, status="200") == 1
