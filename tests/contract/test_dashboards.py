"""The public dashboards and alerts find every metric and label that they ask for.

The tables say what their queries name, as of March 2026; labels that the scrape adds are left out.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from django_ops.metrics.catalog import FAMILIES, UNNAMED_VIEW
from django_ops.metrics.families import Histogram

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]

_REQUESTS = "django_http_requests_total_by_view_transport_method_total"
_RESPONSES = "django_http_responses_total_by_status_view_method_total"
_LATENCY = "django_http_requests_latency_seconds_by_view_method"
_QUERIES = "django_db_query_duration_seconds"

#: Sample and labels of each query, by the dashboard's number on grafana.com, or its name.
DASHBOARDS: dict[str, dict[str, set[str]]] = {
    # Django Prometheus, and the tuned copy that django-prometheus#318 proposes
    "9528": {
        _REQUESTS: {"view", "method"},
        _RESPONSES: {"view", "method", "status"},
        "django_http_responses_total_by_status_total": {"status"},
        "django_http_responses_before_middlewares_total": set(),
        f"{_LATENCY}_bucket": {"view", "method", "le"},
        f"{_LATENCY}_sum": {"view", "method"},
        f"{_LATENCY}_count": {"view", "method"},
        f"{_QUERIES}_bucket": {"vendor", "alias", "le"},
        f"{_QUERIES}_sum": {"vendor", "alias"},
        f"{_QUERIES}_count": {"vendor", "alias"},
        "django_db_new_connections_total": {"vendor", "alias"},
        "django_db_execute_total": {"vendor", "alias"},
        "django_model_inserts_total": {"model"},
        "django_model_updates_total": {"model"},
        "django_model_deletes_total": {"model"},
    },
    # https://github.com/adinhodovic/django-mixin: Overview
    "17617": {
        _REQUESTS: {"view"},
        _RESPONSES: {"view", "status"},
        "django_db_execute_total": set(),
        "django_db_new_connections_total": {"vendor"},
        f"{_QUERIES}_bucket": {"vendor", "le"},
        "django_db_errors_total": {"type"},
        "django_cache_get_total": set(),
        "django_cache_get_hits_total": {"backend"},
        "django_cache_get_misses_total": {"backend"},
        "django_migrations_applied_total": set(),
        "django_migrations_unapplied_total": set(),
    },
    # Requests overview
    "17616": {
        _REQUESTS: {"view", "method"},
        _RESPONSES: {"view", "method", "status"},
        f"{_LATENCY}_bucket": {"view", "method", "le"},
        "django_http_requests_body_total_bytes_bucket": {"le"},
        "django_http_exceptions_total_by_type_total": {"type"},
        "django_http_exceptions_total_by_view_total": {"view"},
        "django_http_responses_total_by_templatename_total": {"templatename"},
    },
    # Requests by view
    "17613": {
        _REQUESTS: {"view", "method"},
        _RESPONSES: {"view", "method", "status"},
        f"{_LATENCY}_bucket": {"view", "method", "le"},
    },
    "Models overview": {
        "django_model_inserts_total": {"model"},
        "django_model_updates_total": {"model"},
        "django_model_deletes_total": {"model"},
    },
    "alerts of django-mixin": {
        "django_migrations_unapplied_total": set(),
        "django_db_errors_total": {"type"},
        _RESPONSES: {"view", "status"},
    },
}

QUERIES = [(board, sample, labels) for board, samples in DASHBOARDS.items() for sample, labels in samples.items()]
IDS = [f"{board} {sample}" for board, sample, _ in QUERIES]

Labels = list[dict[str, str]]


def offered(sample: str) -> set[str]:
    """Return the labels that a sample has by the catalog. Raises KeyError for one that it does not have."""
    if sample in FAMILIES and not isinstance(FAMILIES[sample], Histogram):
        return set(FAMILIES[sample].labels)
    name, _, suffix = sample.rpartition("_")
    family = FAMILIES[name]
    assert isinstance(family, Histogram)
    return {*family.labels, *(["le"] if suffix == "bucket" else [])}


@pytest.mark.parametrize(("board", "sample", "labels"), QUERIES, ids=IDS)
def test_query__finds_its_labels_in_the_catalog(board: str, sample: str, labels: set[str]) -> None:
    assert labels <= offered(sample)


def test_query__of_an_unknown_sample_would_fail() -> None:
    with pytest.raises(KeyError):
        offered("django_http_requests_by_colour_total")


@pytest.fixture(scope="module")
def exposed() -> dict[str, Labels]:
    """The labels of each sample that traffic of all kinds leaves, by name."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.integration.peers.site", "ours"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Labels] = {}
    for family in text_string_to_metric_families(json.loads(result.stdout)["end"]):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.mark.parametrize(("board", "sample", "labels"), QUERIES, ids=IDS)
def test_query__finds_series_after_traffic(
    exposed: dict[str, Labels], board: str, sample: str, labels: set[str]
) -> None:
    assert exposed[sample]
    assert all(labels <= set(series) for series in exposed[sample])


def test_status__is_a_number_that_the_panels_group_by_its_first_digit(exposed: dict[str, Labels]) -> None:
    statuses = {series["status"] for series in exposed[_RESPONSES]}
    assert {status[0] for status in statuses} == {"2", "3", "4", "5"}
    assert all(re.fullmatch(r"\d\d\d", status) for status in statuses)


def test_view__that_is_unknown_has_the_name_that_the_panels_leave_out(exposed: dict[str, Labels]) -> None:
    assert UNNAMED_VIEW == "<unnamed view>"
    assert UNNAMED_VIEW in {series["view"] for series in exposed[_RESPONSES]}


def test_template__that_is_none_has_the_name_that_a_panel_leaves_out(exposed: dict[str, Labels]) -> None:
    """17616 leaves out `.*'health_check/index.html'.*|None`."""
    names = {series["templatename"] for series in exposed["django_http_responses_total_by_templatename_total"]}
    assert names == {"hello.txt", "None"}


@pytest.mark.parametrize("board", ["9528", "17613", "17616", "17617"])
def test_documentation__names_the_dashboard(board: str) -> None:
    assert board in (ROOT / "docs/explanation/metrics.md").read_text(encoding="utf-8")
