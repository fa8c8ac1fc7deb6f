import pytest

from django_ops.metrics import catalog
from django_ops.metrics import store as stores
from django_ops.record.request import OTHER_METHOD
from tests.unit.metrics.observed import series, serve, value
from tests.unit.metrics.test_observe import counts

REQUESTS = 2000  # a hundred times the limit, and each status that there is


@pytest.fixture(scope="module")
def limit() -> int:
    return 20


@pytest.fixture
def fuzzed(settings, limit):
    """Requests, each with a view, verb, template and charset that nobody has seen before."""
    settings.OPS_METRICS_LABEL_LIMIT = limit
    for number in range(REQUESTS):
        serve(
            view=f"view-{number}",
            method=OTHER_METHOD if number % 2 else "GET",
            template=f"template-{number}.html",
            charset=f"charset-{number}",
            status=100 + number % 600,
            scheme="https" if number % 3 else "http",
        )


def test_fuzz__series_stay_below_a_constant(fuzzed, limit):
    """One series per value that is let in, and `__other__`, for each combination that can occur."""
    by_name: dict[str, int] = {}
    for name, _ in series():
        by_name[name] = by_name.get(name, 0) + 1
    one = limit + 1
    assert by_name["django_http_responses_total_by_templatename_total"] == one
    assert by_name["django_http_responses_total_by_charset_total"] == one
    assert by_name["django_http_responses_total_by_status_total"] == one
    assert by_name["django_http_requests_total_by_view_transport_method_total"] <= one * 2 * 2
    assert by_name["django_http_responses_total_by_status_view_method_total"] <= one * one * 2


def test_fuzz__loses_no_request(fuzzed):
    for name in (
        "django_http_requests_total_by_view_transport_method_total",
        "django_http_responses_total_by_status_view_method_total",
        "django_http_responses_total_by_templatename_total",
        "django_http_requests_latency_seconds_by_view_method_count",
    ):
        assert counts(name) == REQUESTS


def test_fuzz__counts_what_was_folded(fuzzed, limit):
    metric = "django_http_responses_total_by_templatename_total"
    assert value(catalog.VALUES_FOLDED.name, metric=metric, label="templatename") == REQUESTS - limit


def test_fuzz__fills_no_memory(fuzzed, limit):
    assert len(stores.active().cache("requests")) <= limit
