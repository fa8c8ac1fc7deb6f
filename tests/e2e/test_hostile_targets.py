"""Our Prometheus among targets that were all taken over: each breaks out in its own way, and nothing comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import wait_for
from tests.e2e.watchers import Watchers, watchers

#: By these names prometheus.yml finds its targets; `elsewhere` is where a redirect leads.
NAMES = (
    "web", "worker", "postgres-exporter", "redis-exporter", "nginx-exporter", "celery-exporter", "node-exporter",
    "alertmanager", "grafana", "elsewhere",
)  # fmt: skip
REFUSED = {
    "node": "sample limit exceeded",
    "postgres": "label_value_length_limit exceeded",
    "nginx": "label_limit exceeded",
    "grafana": "label_value_length_limit exceeded",
    "redis": "server returned HTTP status 302",
    "alertmanager": "body size limit exceeded",
    "celery": "body size limit exceeded",
    "worker": "body size limit exceeded",
}


@pytest.fixture(scope="module")
def prometheus(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watchers]:
    """Prometheus, after some scrapes of each target."""
    with watchers(tmp_path_factory.mktemp("hostile")) as found:
        found.python(Path(__file__).with_name("hostile_target.py"), NAMES)
        found.start("prometheus", dict.fromkeys(("metrics-token", "password", "alertmanager-password"), "token"))
        wait_for("five scrapes of the site", lambda: found.query("count_over_time(redis_up[1h]) > 5"), 60)
        yield found


def errors(found: Watchers) -> dict[str, str]:
    """Return what Prometheus has against each job's target: nothing if it is up."""
    answer = found.ask_prometheus("targets?state=active")
    return {it["labels"]["job"]: it["lastError"] for it in answer["activeTargets"]} if answer else {}


def test_scrape_beyond_a_bound__is_refused_as_a_whole(prometheus: Watchers) -> None:
    """Thousands of series, a label of a million characters, an endless body, a bomb of gzip; and it has the memory."""
    for job, reason in REFUSED.items():
        wait_for(
            f"{job} to be refused",
            lambda job=job, reason=reason: errors(prometheus).get(job, "").startswith(reason),
            30,
        )
    assert prometheus.query(f'{{job=~"{"|".join(REFUSED)}",__name__!~"up|scrape_.+|ALERTS.*"}}') == []


def test_scrape__asks_nobody_whom_a_target_names(prometheus: Watchers) -> None:
    assert prometheus.query("max_over_time(followed[1h]) == 0")
    assert prometheus.query("max_over_time(followed[1h]) == 1") == []


def test_target__speaks_for_itself_and_for_now_only(prometheus: Watchers) -> None:
    """What it says of others gives no alert, what it calls an alert is none, and its future has not come."""
    assert prometheus.query("last_over_time(redis_up[1h]) == 0")
    assert prometheus.query("count_over_time(dated[1h])")
    alerts = {it["metric"]["alertname"] for it in prometheus.query("ALERTS")}
    assert alerts & {"RedisDown", "NginxDown", "PostgreSQLDown"} == set()
    assert prometheus.query('ALERTS{alertname="SiteDown",instance!=""}') == []
