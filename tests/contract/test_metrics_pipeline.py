"""Whatever the rules and panels ask Prometheus for is exposed: by the catalog, or by an exporter that was asked."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from django_ops.metrics.catalog import FAMILIES
from django_ops.metrics.families import Histogram
from tests.contract.promql import Expression, parse

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "prometheus/rules").glob("*.yml"))
BOARDS = sorted((ROOT / "grafana/dashboards").glob("*.json"))
CONFIGURATION = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
JOBS = {job["job_name"]: job for job in CONFIGURATION["scrape_configs"]}

EXPORTERS: dict[str, dict[str, list[str]]] = tomllib.loads(
    (ROOT / "tests/contract/exporter_metrics.toml").read_text(encoding="utf-8")
)
#: What Prometheus makes itself, and the labels that every scraped sample has.
OWN = {"up": set(), "scrape_duration_seconds": set(), "scrape_series_added": set()}
OWN |= {"ALERTS": {"alertname", "alertstate"}}
SCRAPED = {"job", "instance", "cluster", "namespace", "app"}

Query = tuple[str, str]


def alerts() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def queries() -> Iterator[Query]:
    for alert in alerts():
        yield f"alert {alert['alert']}", alert["expr"]
    for path in BOARDS:
        board = json.loads(path.read_text(encoding="utf-8"))
        for annotation in board["annotations"]["list"]:
            yield f"annotation {annotation['name']}", annotation["expr"]
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                yield f"panel {panel['title']} {target['refId']}", target["expr"]
    page = (ROOT / "docs/how-to/prometheus.md").read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"(?ms)^```promql\n(.*?)^```", page), 1):
        yield f"page {number}", block


QUERIES = list(queries())
IDS = [where for where, _ in QUERIES]


def offered(sample: str) -> set[str]:
    """Return the labels that a sample has. Raises KeyError for one that nobody exposes."""
    if sample in OWN:
        return OWN[sample] | SCRAPED
    for metrics in EXPORTERS.values():
        if sample in metrics:
            return {*metrics[sample], *SCRAPED}
    if sample in FAMILIES and not isinstance(FAMILIES[sample], Histogram):
        return {*FAMILIES[sample].labels, *SCRAPED}
    name, _, suffix = sample.rpartition("_")
    family = FAMILIES[name]
    assert isinstance(family, Histogram)
    return {*family.labels, *(["le"] if suffix == "bucket" else []), *SCRAPED}


@pytest.mark.parametrize(("where", "text"), QUERIES, ids=IDS)
def test_query__asks_for_what_is_exposed(where: str, text: str) -> None:
    expression = parse(text)
    for metric, labels in expression.selectors:
        assert labels <= offered(metric), where
    everything = set().union(*(offered(metric) for metric, _ in expression.selectors))
    assert expression.grouped_by <= everything, where


def test_query__of_an_unknown_metric_fails() -> None:
    with pytest.raises(KeyError):
        offered("django_http_requests_by_colour_total")


def test_query__by_an_unknown_label_fails() -> None:
    (selector,) = parse('sum by (view) (up{colour="red"})').selectors
    assert not selector.labels <= offered(selector.metric)


@pytest.mark.parametrize(
    ("text", "metrics", "grouped"),
    [
        ("up == 0", {"up"}, set()),
        ("sum by (a, b) (rate(x_total[5m])) / on (c) y > 0.5", {"x_total", "y"}, {"a", "b", "c"}),
        ('count(x{job="or"} unless x offset 15m) or vector(0)', {"x"}, set()),
        ("topk(10, rate(x[$__rate_interval]))", {"x"}, set()),
    ],
)
def test_parser__finds_metrics_and_groupings(text: str, metrics: set[str], grouped: set[str]) -> None:
    found: Expression = parse(text)
    assert ({metric for metric, _ in found.selectors}, found.grouped_by) == (metrics, grouped)


def test_exporters__have_a_job_each_and_are_used() -> None:
    used = {metric for _, text in QUERIES for metric, _ in parse(text).selectors}
    assert set(EXPORTERS) <= set(JOBS)
    assert {metric for metrics in EXPORTERS.values() for metric in metrics} - used == set()


def doubtful(metric: str, text: str) -> list[str]:
    """Return where a metric is asked for without the jobs that may speak of it: any target may use any name."""
    jobs = [f'job="{job}"' for job, metrics in EXPORTERS.items() if metric in metrics]
    said = jobs or ['job="django"', 'job=~"django|worker"']
    return re.findall(rf"\b{metric}\b(?!{{(?:{'|'.join(map(re.escape, said))})[,}}])", text)


def test_rules_and_panels__believe_a_number_of_its_own_job_only() -> None:
    """Else an exporter that was taken over says that the database is down, or hides that it is."""
    asked = [(where, text) for where, text in QUERIES if not where.startswith("page")]
    found = [
        (where, it) for where, text in asked for metric, _ in parse(text).selectors for it in doubtful(metric, text)
    ]
    assert [(where, metric) for where, metric in found if metric not in OWN] == []


@pytest.mark.parametrize("text", ["redis_up == 0", 'redis_up{job="node"} == 0', 'redis_up{job="redis"} or redis_up'])
def test_rule__that_believes_everybody_is_found(text: str) -> None:
    assert doubtful("redis_up", text) == ["redis_up"]


def test_scrape__bounds_what_a_target_may_say_and_do() -> None:
    bounds = ["sample_limit", "body_size_limit", "label_limit", "label_name_length_limit", "label_value_length_limit"]
    bounds += ["target_limit", "keep_dropped_targets"]
    unbounded = [(name, bound) for name, job in JOBS.items() for bound in bounds if not _effective(job).get(bound)]
    senders = [*JOBS.values(), *CONFIGURATION["alerting"]["alertmanagers"]]
    assert unbounded == []
    assert [it for it in senders if it.get("follow_redirects") is not False] == []
    assert [name for name, job in JOBS.items() if job.get("honor_timestamps") is not False] == []
    assert [name for name, job in JOBS.items() if job.get("honor_labels")] == []
    assert CONFIGURATION["storage"]["tsdb"].keys() == {"stale_series_compaction_threshold"}


def _effective(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job with what holds for all."""
    return CONFIGURATION["global"] | job


def test_panels__rate_over_the_interval_that_grafana_chooses() -> None:
    """A fixed one is empty when it is shorter than four scrapes, and wrong when the page shows a month."""
    panels = [text for where, text in QUERIES if where.startswith("panel") and "rate(" in text]
    assert panels
    assert [text for text in panels if re.search(r"rate\(.*\[\d", text)] == []


def test_scrape__of_the_site_finds_each_replica_and_sends_the_token() -> None:
    for name, service, port in (("django", "web", 8000), ("worker", "worker", 9808)):
        (found,) = JOBS[name]["dns_sd_configs"]
        assert (found["names"], found["type"], found["port"]) == ([service], "A", port)
        assert JOBS[name]["authorization"]["credentials_file"] == "/run/secrets/prometheus/metrics-token"


def test_scrape__adds_the_labels_that_public_dashboards_choose_by() -> None:
    assert {rule["target_label"] for rule in JOBS["django"]["relabel_configs"]} == {"cluster", "namespace", "app"}


def test_scrape__has_no_secret_in_the_file() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "prometheus").glob("*.yml"))
    assert re.findall(r"^\s*(?:password|credentials|bearer_token):", text, re.MULTILINE) == []


def test_grafana__knows_how_often_prometheus_scrapes() -> None:
    source = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["jsonData"]["timeInterval"] == CONFIGURATION["global"]["scrape_interval"]
