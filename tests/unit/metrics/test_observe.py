import threading

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from django_ops.metrics import catalog, observe
from django_ops.metrics import store as stores
from django_ops.metrics.families import OTHER
from django_ops.record.outcome import Outcome
from django_ops.record.request import OTHER_METHOD
from django_ops.record.task import TaskOutcome
from tests.unit.metrics.observed import labels_of, request, series, serve, task, value


def counts(metric: str) -> float:
    """Return the sum of all series of a counter."""
    return sum(count for (name, _), count in series().items() if name == metric)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("django_http_requests_before_middlewares_total", {}),
        ("django_http_responses_before_middlewares_total", {}),
        ("django_http_requests_latency_including_middlewares_seconds_count", {}),
        ("django_http_requests_latency_seconds_by_view_method_count", {"view": "item", "method": "GET"}),
        ("django_http_requests_total_by_method_total", {"method": "GET"}),
        ("django_http_requests_total_by_transport_total", {"transport": "http"}),
        (
            "django_http_requests_total_by_view_transport_method_total",
            {"view": "item", "transport": "http", "method": "GET"},
        ),
        ("django_http_requests_body_total_bytes_count", {}),
        ("django_http_responses_body_total_bytes_count", {}),
        ("django_http_responses_total_by_status_total", {"status": "200"}),
        (
            "django_http_responses_total_by_status_view_method_total",
            {"status": "200", "view": "item", "method": "GET"},
        ),
        ("django_http_responses_total_by_charset_total", {"charset": "utf-8"}),
        ("django_ops_http_requests_total", {"outcome": "ok"}),
    ],
)
def test_request__counts_once_in(name, labels):
    serve()
    serve()
    assert value(name, **labels) == 2.0


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome__is_one_observation_in_each_histogram(outcome):
    error = ValueError() if outcome is Outcome.EXCEPTION else None
    serve(outcome=outcome, error=error, streaming=outcome is Outcome.STREAM)
    assert value("django_http_requests_latency_including_middlewares_seconds_count") == 1.0
    assert value("django_http_requests_latency_seconds_by_view_method_count", view="item", method="GET") == 1.0


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome__is_counted_by_its_name(outcome):
    serve(outcome=outcome)
    assert value("django_ops_http_requests_total", outcome=outcome.value) == 1.0


def test_latency__is_the_time_until_the_first_byte():
    serve(first_byte_ns=2_000_000_000, duration_ns=60_000_000_000)
    assert value("django_http_requests_latency_including_middlewares_seconds_sum") == 2.0


def test_sizes__are_added_up():
    serve(request_bytes=10, response_bytes=1000)
    serve(request_bytes=5, response_bytes=24)
    assert value("django_http_requests_body_total_bytes_sum") == 15.0
    assert value("django_http_responses_body_total_bytes_sum") == 1024.0


@pytest.mark.parametrize(("size", "bound"), [(0, "0.0"), (1, "1.0"), (1000, "1024.0"), (2**29, "5.36870912e+08"),
                                             (10**19, "+Inf")])  # fmt: skip
def test_size__falls_into_its_bucket(size, bound):
    serve(response_bytes=size)
    name = "django_http_responses_body_total_bytes_bucket"
    assert next(dict(labels)["le"] for (each, labels), count in series().items() if each == name and count) == bound


def test_view__that_is_unknown_has_django_prometheus_name():
    serve(view="", route=None, status=404, outcome=Outcome.UNROUTED)
    assert value("django_http_responses_total_by_status_view_method_total",
                 status="404", view="<unnamed view>", method="GET") == 1.0  # fmt: skip


def test_view__that_is_unknown_is_no_request_by_view():
    serve(view="", route=None, status=404, outcome=Outcome.UNROUTED)
    assert counts("django_http_requests_total_by_view_transport_method_total") == 0.0


def test_method__that_http_does_not_define_has_django_prometheus_name():
    serve(method=OTHER_METHOD)
    assert labels_of("django_http_requests_latency_seconds_by_view_method_count", "method") == {"<invalid method>"}


def test_transport__is_the_scheme():
    serve(scheme="https")
    assert value("django_http_requests_total_by_transport_total", transport="https") == 1.0


def test_charset__that_is_unknown_is_not_counted():
    serve(charset="")
    assert counts("django_http_responses_total_by_charset_total") == 0.0


def test_template__is_counted_by_name():
    serve(template="shop/item.html")
    assert value("django_http_responses_total_by_templatename_total", templatename="shop/item.html") == 1.0


def test_template__of_a_response_without_one_is_not_counted():
    serve()
    assert counts("django_http_responses_total_by_templatename_total") == 0.0


def test_ajax__is_counted():
    serve(ajax=True)
    serve()
    assert value("django_http_ajax_requests_total") == 1.0


def test_unknown_latency__stays_0():
    serve()
    assert value("django_http_requests_unknown_latency_total") == 0.0
    assert value("django_http_requests_unknown_latency_including_middlewares_total") == 0.0


@pytest.mark.parametrize("status", [100, 101, 200, 299, 418, 499, 599])
def test_status__of_http_is_its_own_series(status):
    serve(status=status)
    assert labels_of("django_http_responses_total_by_status_total", "status") == {str(status)}


@pytest.mark.parametrize("status", [-1, 0, 99, 600, 999, 10**30])
def test_status__that_is_none_is_folded(status):
    serve(status=status)
    serve(status=status)
    assert value("django_http_responses_total_by_status_total", status=OTHER) == 2.0
    assert value(catalog.VALUES_FOLDED.name, metric=catalog.RESPONSES_BY_STATUS.name, label="status") == 2.0


def test_status__that_is_none_is_remembered_by_nobody():
    for status in range(1000, 1100):
        serve(status=status)
    assert stores.active().cache("requests") == {}


def test_client_that_left__is_499():
    serve(outcome=Outcome.DISCONNECT, status=499)
    assert value("django_http_responses_total_by_status_total", status="499") == 1.0


def test_exception__is_counted_by_type_and_view():
    serve(outcome=Outcome.EXCEPTION, status=500, error=KeyError("x"))
    assert value("django_http_exceptions_total_by_type_total", type="KeyError") == 1.0
    assert value("django_http_exceptions_total_by_view_total", view="item") == 1.0


def test_error__of_a_request_that_was_cancelled_is_no_exception():
    serve(outcome=Outcome.CANCELLED, status=500, error=SystemExit())
    assert counts("django_http_exceptions_total_by_type_total") == 0.0


def test_stream__is_counted():
    serve(streaming=True, outcome=Outcome.STREAM, response_bytes=700)
    assert value("django_http_responses_streaming_total") == 1.0
    assert value("django_http_responses_body_total_bytes_sum") == 700.0


def test_stream__has_first_byte_duration_and_bytes():
    serve(
        streaming=True,
        outcome=Outcome.STREAM,
        response_bytes=700,
        first_byte_ns=1_000_000_000,
        duration_ns=4_000_000_000,
    )
    assert value("django_ops_http_stream_first_byte_seconds_sum", view="item") == 1.0
    assert value("django_ops_http_stream_duration_seconds_sum", view="item") == 4.0
    assert value("django_ops_http_stream_bytes_total", view="item") == 700.0


def test_queue__is_counted_where_it_is_known():
    serve(queue_ns=250_000_000)
    serve()
    assert value("django_ops_http_request_queue_seconds_count") == 1.0
    assert value("django_ops_http_request_queue_seconds_sum") == 0.25


def test_queue__of_0_is_counted():
    serve(queue_ns=0)
    assert value("django_ops_http_request_queue_seconds_count") == 1.0


def test_queries__are_counted_by_view():
    serve(db_count=3)
    serve(db_count=2)
    assert value("django_ops_http_db_queries_total", view="item") == 5.0


def test_in_progress__rises_when_a_request_begins():
    observe.request_began()
    observe.request_began()
    assert value("django_ops_http_requests_in_progress") == 2.0


def test_in_progress__falls_when_its_record_comes():
    observe.request_began()
    observe.request_began()
    observe.observe_request(request())
    assert value("django_ops_http_requests_in_progress") == 1.0


def test_in_progress__of_a_request_that_began_in_another_process_does_not_fall_below_0():
    observe.request_began()
    stores.forget()  # as in a child that a view forked
    observe.observe_request(request())
    assert value("django_ops_http_requests_in_progress") == 0.0


def test_store__that_is_new_is_used_at_once():
    serve()
    stores.forget()
    serve()
    assert value("django_http_requests_before_middlewares_total") == 1.0


def test_threads__lose_no_request():
    """8 threads x 2,000 requests to views that are new to the store, and so make it grow."""
    barrier = threading.Barrier(8)

    def work(thread: int) -> None:
        barrier.wait(10)
        for number in range(2000):
            serve(view=f"view-{number % 100}", status=200 + thread, db_count=1)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert value("django_http_requests_before_middlewares_total") == 16_000.0
    assert counts("django_http_responses_total_by_status_view_method_total") == 16_000.0
    assert counts("django_ops_http_db_queries_total") == 16_000.0
    assert value("django_ops_http_requests_in_progress") == 0.0


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.builds(
        request,
        view=st.text(),
        charset=st.text(),
        template=st.none() | st.text(),
        status=st.integers(),
        request_bytes=st.integers(0, 10**19),
        response_bytes=st.integers(0, 10**19),
        first_byte_ns=st.integers(0, 10**18),
        error=st.none() | st.just(ValueError()),
        outcome=st.sampled_from(Outcome),
    )
)
def test_any_record__is_observed(store, record):
    before = value("django_http_requests_before_middlewares_total")
    observe.observe_request(record)
    assert value("django_http_requests_before_middlewares_total") == before + 1.0


@pytest.mark.parametrize("outcome", TaskOutcome)
def test_task__is_counted_by_name_and_outcome(outcome):
    observe.observe_task(task(outcome=outcome))
    assert value("django_ops_celery_tasks_total", task="shop.send", outcome=outcome.value) == 1.0


def test_task__is_timed():
    observe.observe_task(task(duration_ns=3_000_000_000, queue_ns=500_000_000))
    assert value("django_ops_celery_task_duration_seconds_sum", task="shop.send") == 3.0
    assert value("django_ops_celery_task_queue_seconds_sum", task="shop.send") == 0.5


def test_task__whose_publisher_did_not_say_when_has_no_queue_time():
    observe.observe_task(task(queue_ns=None))
    assert counts("django_ops_celery_task_queue_seconds_count") == 0.0
