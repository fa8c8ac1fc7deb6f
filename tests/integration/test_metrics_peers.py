"""The same traffic through django-prometheus and through us: the same series, but for the differences listed here."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from django_ops.metrics.catalog import FAMILIES
from django_ops.metrics.families import Histogram
from tests.integration import plays
from tests.integration.peers.site import TRAFFIC

#: Name, and label values in the order of the labels' names.
Series = tuple[str, ...]

_HTTP = "django_http"
_LATENCY = f"{_HTTP}_requests_latency_seconds_by_view_method_count"
_RECEIVED = f"{_HTTP}_requests_body_total_bytes"
_SENT = f"{_HTTP}_responses_body_total_bytes"
_UNNAMED = "<unnamed view>"


class Difference(NamedTuple):
    """What we count otherwise, why, and by how much: ours less theirs."""

    reason: str
    counts: dict[Series, float]


INTENDED = [
    Difference(
        "Http404, PermissionDenied and SuspiciousOperation are answers: Django makes a 4xx of them (#57)",
        {
            (f"{_HTTP}_exceptions_total_by_type_total", "Http404"): -1,
            (f"{_HTTP}_exceptions_total_by_type_total", "PermissionDenied"): -1,
            (f"{_HTTP}_exceptions_total_by_type_total", "SuspiciousOperation"): -1,
            (f"{_HTTP}_exceptions_total_by_view_total", "missing"): -1,
            (f"{_HTTP}_exceptions_total_by_view_total", "forbidden"): -1,
            (f"{_HTTP}_exceptions_total_by_view_total", "suspicious"): -1,
        },
    ),
    Difference(
        "a request that raises has one latency, not two: theirs is observed in process_exception as well",
        {(_LATENCY, "GET", view): -1 for view in ("fail", "missing", "forbidden", "suspicious")},
    ),
    Difference(
        "an exception of a middleware is one, and its request was a request: theirs never hears of it (#433)",
        {
            (f"{_HTTP}_exceptions_total_by_type_total", "LookupError"): 1,
            (f"{_HTTP}_exceptions_total_by_view_total", _UNNAMED): 1,
            (f"{_HTTP}_requests_total_by_method_total", "GET"): 1,
            (f"{_HTTP}_requests_total_by_transport_total", "http"): 1,
            (f"{_HTTP}_responses_total_by_status_total", "500"): 1,
            (f"{_HTTP}_responses_total_by_status_view_method_total", "GET", "500", _UNNAMED): 1,
            (f"{_HTTP}_responses_total_by_charset_total", "utf-8"): 1,
            (_LATENCY, "GET", _UNNAMED): 1,
            (f"{_RECEIVED}_bucket", "0.0"): 1,
            (f"{_RECEIVED}_count",): 1,
            (f"{_SENT}_bucket", "256.0"): 1,
            (f"{_SENT}_count",): 1,
            (f"{_SENT}_sum",): 145,  # Django's page for a 500
        },
    ),
    Difference(
        "a verb that nobody defined is no series of its own: theirs is raw in the latency, about 20 series per verb",
        {(_LATENCY, "FOO", "ok"): -1, (_LATENCY, "BAR", "ok"): -1, (_LATENCY, "<invalid method>", "ok"): 2},
    ),
    Difference(
        "the bytes of a stream are bytes: theirs looks at `response.content` alone",
        {(f"{_SENT}_bucket", "1024.0"): 1, (f"{_SENT}_count",): 1, (f"{_SENT}_sum",): 700},
    ),
    Difference(
        "what is not sent (HEAD, 204, 304) is not counted as sent",
        {(f"{_SENT}_bucket", "128.0"): -3, (f"{_SENT}_bucket", "0.0"): 3, (f"{_SENT}_sum",): -300},
    ),
    Difference(
        "a cached 0 is returned as 0, not as the default: the view answers [0, 1] instead of ['default', 1]",
        {(f"{_SENT}_bucket", "16.0"): -1, (f"{_SENT}_bucket", "8.0"): 1, (f"{_SENT}_sum",): -8},
    ),
    Difference(
        "caches are told apart by alias: theirs by class of backend, the same for all Redis (#86, #406)",
        {
            ("django_cache_get_total", "locmem"): -5,
            ("django_cache_get_total", "default"): 5,
            ("django_cache_get_hits_total", "locmem"): -3,
            ("django_cache_get_hits_total", "default"): 3,
            ("django_cache_get_misses_total", "locmem"): -2,
            ("django_cache_get_misses_total", "default"): 2,
        },
    ),
    Difference(
        "models are named by a setting, not by a mixin with a name of its own: app_label.model",
        {
            ("django_model_inserts_total", "item"): -2,
            ("django_model_inserts_total", "peers.item"): 2,
            ("django_model_updates_total", "item"): -2,
            ("django_model_updates_total", "peers.item"): 2,
            ("django_model_deletes_total", "item"): -1,
            ("django_model_deletes_total", "peers.item"): 1,
        },
    ),
    Difference(
        "an UPDATE that Django tried before its INSERT, and that changed no row, is no update",
        {("django_model_updates_total", "item"): -1},
    ),
    Difference(
        "a model is counted by signals: Django deletes within a transaction then, and SQLite is told BEGIN",
        {
            ("django_db_execute_total", "default", "sqlite"): 1,
            ("django_db_query_duration_seconds_count", "default", "sqlite"): 1,
        },
    ),
    Difference(
        "a template without a name has none: theirs is its address, a series per request",
        {
            (f"{_HTTP}_responses_total_by_templatename_total", "<Template object at 0x...>"): -1,
            (f"{_HTTP}_responses_total_by_templatename_total", "None"): 1,
        },
    ),
]

#: Times are never the same twice; their counts are compared.
_TIMES = re.compile(r".*seconds.*_(sum|bucket)")


def play(watched_by: str) -> Any:
    return plays.play("peers.site", watched_by)


@pytest.fixture(scope="module")
def theirs() -> Any:
    return play("theirs")


@pytest.fixture(scope="module")
def ours() -> Any:
    return play("ours")


@pytest.fixture(scope="module")
def both() -> Any:
    """With both middlewares, and their engine for the database."""
    return play("both")


def read(exposition: str) -> dict[Series, float]:
    """Return the samples of django-prometheus's metrics; a bucket counts what fell into it, not below it."""
    found: dict[Series, float] = {}
    for family in text_string_to_metric_families(exposition):
        below: Counter[Series] = Counter()
        for sample in family.samples:
            if not sample.name.startswith("django_") or sample.name.startswith("django_ops_"):
                continue
            values = [re.sub(r"<\S*Template object at 0x\w+>", "<Template object at 0x...>", value)
                      for label, value in sorted(sample.labels.items())]  # fmt: skip
            value = sample.value
            if sample.name.endswith("_bucket"):
                others = (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "le"))
                value, below[others] = sample.value - below[others], sample.value
            found[(sample.name, *values)] = value
    return found


def growth(run: Any) -> dict[Series, float]:
    """Return by how much each series grew through the traffic; none that stood still, no times."""
    before = read(run["before"])
    grown = {series: value - before.get(series, 0.0) for series, value in read(run["after"]).items()}
    return {
        series: value
        for series, value in grown.items()
        if value and not _TIMES.match(series[0]) and not series[0].endswith("_created")
    }


def test_series__are_the_same_but_for_what_is_intended(theirs: Any, ours: Any) -> None:
    expected = Counter(growth(theirs))
    for difference in INTENDED:
        for series, count in difference.counts.items():
            expected[series] += count  # type: ignore[assignment]
    assert growth(ours) == {series: count for series, count in expected.items() if count}


@pytest.mark.parametrize("difference", INTENDED, ids=lambda difference: difference.reason)
def test_each_difference__is_there(theirs: Any, ours: Any, difference: Difference) -> None:
    """A reason that explains nothing any more is to be removed."""
    mine, peer = growth(ours), growth(theirs)
    for series in difference.counts:
        assert mine.get(series) != peer.get(series), series


def test_migrations__are_the_same(theirs: Any, ours: Any) -> None:
    for name in ("django_migrations_applied_total", "django_migrations_unapplied_total"):
        assert read(ours["end"])[name, "default"] == read(theirs["end"])[name, "default"]


def test_times__are_in_seconds(theirs: Any, ours: Any) -> None:
    series = (f"{_HTTP}_requests_latency_including_middlewares_seconds_sum",)
    # milliseconds would be a thousand times as much; one of the two may have been kept waiting
    assert 1 / 500 < read(ours["after"])[series] / read(theirs["after"])[series] < 500


def test_created_series__are_absent(theirs: Any, ours: Any) -> None:
    """One more per counter and histogram, that no dashboard reads."""
    assert "_created" in theirs["after"]
    assert "_created" not in ours["after"]


def test_content_length__that_is_no_number_is_no_exception(theirs: Any, ours: Any) -> None:
    """django-prometheus answers 500 for it: `int(request.headers["content-length"])`."""
    assert (theirs["statuses"][-1], ours["statuses"][-1]) == (500, 200)


def test_answers__are_the_same(theirs: Any, ours: Any) -> None:
    assert ours["statuses"][:-1] == theirs["statuses"][:-1]


def test_traffic__has_what_the_differences_are_about() -> None:
    assert len(TRAFFIC) > 30


@pytest.fixture(scope="module")
def registered() -> dict[str, tuple[str, list[str], list[float]]]:
    """Type, labels and bounds of what django-prometheus's own code registers, by exposed name."""
    return {name: tuple(each) for name, each in play("registered").items()}  # type: ignore[misc]


def test_table__has_every_name_of_django_prometheus(registered: Any) -> None:
    assert set(registered) <= set(FAMILIES)


def test_table__has_nothing_else_without_our_prefix(registered: Any) -> None:
    assert {name for name in FAMILIES if not name.startswith(("django_ops_", "ops_gate_"))} == set(registered)


def test_table__has_the_types_of_django_prometheus(registered: Any) -> None:
    assert {name: FAMILIES[name].kind for name in registered} == {name: each[0] for name, each in registered.items()}


def test_table__has_the_labels_of_django_prometheus(registered: Any) -> None:
    assert {name: list(FAMILIES[name].labels) for name in registered} == {
        name: each[1] for name, each in registered.items()
    }


def test_table__has_the_buckets_of_django_prometheus(registered: Any) -> None:
    mine = {name: list(family.bounds) for name, family in FAMILIES.items() if isinstance(family, Histogram)}
    peer = {name: [bound for bound in each[2] if bound != math.inf] for name, each in registered.items() if each[2]}
    assert {name: mine[name] for name in peer} == peer


def test_registered__is_all_of_it(registered: Any) -> None:
    """Requests, databases, caches, models, migrations."""
    prefixes = {name.split("_")[1] for name in registered}
    assert (len(registered), prefixes) == (34, {"http", "db", "cache", "model", "migrations"})


def test_both__have_one_family_per_name(both: Any) -> None:
    types = [line.split()[2] for line in both["after"].splitlines() if line.startswith("# TYPE")]
    assert [name for name, count in Counter(types).items() if count > 1] == []


def test_both__have_each_series_once(both: Any) -> None:
    lines = [line.rpartition(" ")[0] for line in both["after"].splitlines() if not line.startswith("#")]
    assert [series for series, count in Counter(lines).items() if count > 1] == []


def test_both__count_no_request_twice(both: Any, ours: Any) -> None:
    for name in (
        "requests_total_by_method_total",
        "responses_total_by_status_total",
        "responses_total_by_charset_total",
    ):
        series = {key: value for key, value in growth(both).items() if key[0] == f"{_HTTP}_{name}"}
        assert series == {key: value for key, value in growth(ours).items() if key[0] == f"{_HTTP}_{name}"}


def test_both__count_no_statement_twice(both: Any, theirs: Any) -> None:
    """Their engine counts, and so we do not."""
    for name in ("execute_total", "execute_many_total", "errors_total", "query_duration_seconds_count"):
        series = {key: value for key, value in growth(both).items() if key[0] == f"django_db_{name}"}
        assert series == {key: value for key, value in growth(theirs).items() if key[0] == f"django_db_{name}"}
