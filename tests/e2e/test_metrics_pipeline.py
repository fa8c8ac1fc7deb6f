"""From a request to a number, to a panel, to an alert: with the programs that the stack runs."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from tests.e2e.commands import ROOT, CommandFailed, docker, wait_for
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Load, Visitor

RULES = sorted(path.name for path in (ROOT / "prometheus/rules").glob("*.yml"))
BOARD = json.loads((ROOT / "grafana/dashboards/overview.json").read_text(encoding="utf-8"))
PANELS = {
    f"{panel['title']} {target['refId']}": target for panel in BOARD["panels"] for target in panel.get("targets", [])
}
EXPORTERS = tomllib.loads((ROOT / "tests/contract/exporter_metrics.toml").read_text(encoding="utf-8"))
JOBS = [
    job["job_name"]
    for job in yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
]
#: Two scrapes, so that there is a rate, and the dashboard's own 15 s.
DATA_SECONDS = 90
#: `for: 2m` of the alert, a scrape, an evaluation, and a busy machine.
ALERT_SECONDS = 240


@pytest.mark.parametrize("command", [
    ("check", "config", "/etc/prometheus/prometheus.yml"),
    ("check", "rules", *(f"/etc/prometheus/rules/{name}" for name in RULES)),
    ("test", "rules", *(f"/etc/prometheus/tests/{name}" for name in RULES)),
], ids=["check config", "check rules", "test rules"])  # fmt: skip
def test_promtool__has_no_complaint(stack: Stack, command: tuple[str, ...]) -> None:
    stack.exec("prometheus", "promtool", *command, timeout=120)


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a language in a page about a Prometheus of one's own."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"))


def test_promtool__has_no_complaint_about_the_how_to(stack: Stack, probe: Probe) -> None:
    (configuration,) = blocks("docs/how-to/prometheus.md", "yaml")
    script = "cat > /tmp/how-to.yml && promtool check config --syntax-only /tmp/how-to.yml"
    docker("exec", "-i", stack.id("prometheus"), "sh", "-c", script, text=configuration)
    queries = blocks("docs/how-to/prometheus.md", "promql")
    assert queries
    for query in queries:
        probe.prometheus(query)


def test_promtool__finds_each_alert_that_never_or_always_fires(stack: Stack, tmp_path: Path) -> None:
    """Else a unit test could pass whatever the rule says."""
    for path in sorted((ROOT / "prometheus/rules").glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for index, alert in enumerate(document["groups"][0]["rules"]):
            for word, expression in (("never", "vector(0) > 1"), ("always", "vector(1)")):
                copy = tmp_path / f"{path.stem}-{alert['alert']}-{word}"
                shutil.copytree(ROOT / "prometheus", copy)
                changed = yaml.safe_load(path.read_text(encoding="utf-8"))
                changed["groups"][0]["rules"][index]["expr"] = expression
                (copy / "rules" / path.name).write_text(yaml.safe_dump(changed), encoding="utf-8")
    tmp_path.chmod(0o755)
    passes = "promtool test rules $copy/tests/${copy%%-*}.yml >/dev/null 2>&1"
    script = f"cd /copies && for copy in *; do if {passes}; then echo $copy; fi; done"
    image = stack.container("prometheus")["Config"]["Image"]
    passed = docker(
        "run", "--rm", "-v", f"{tmp_path}:/copies:ro", "--entrypoint", "sh", image, "-c", script, timeout=300
    )
    assert len(list(tmp_path.iterdir())) >= 30
    assert passed.split() == []


def test_amtool__has_no_complaint(stack: Stack) -> None:
    stack.exec("alertmanager", "amtool", "check-config", "/etc/alertmanager/alertmanager.yml")


def test_amtool__sends_the_consequence_nowhere_without_a_receiver(stack: Stack) -> None:
    """The tree of routes takes both severities, and needs no receiver to be configured."""
    for severity in ("critical", "warning"):
        route = ("config", "routes", "test", "--config.file=/etc/alertmanager/alertmanager.yml", f"severity={severity}")
        assert stack.exec("alertmanager", "amtool", *route).strip() == "screens"


def test_health_check__needs_the_password(stack: Stack) -> None:
    with pytest.raises(CommandFailed, match=r"(?i)401|unauthorized"):
        stack.exec("prometheus", "promtool", "query", "instant", "http://127.0.0.1:9090", "up")


def test_prometheus_and_alertmanager__let_in_nobody_else(stack: Stack, probe: Probe) -> None:
    urls = [
        "http://prometheus:9090/api/v1/query?query=up", "http://prometheus:9090/metrics", "http://prometheus:9090/",
        "http://prometheus:9090/api/v1/status/config", "http://alertmanager:9093/api/v2/alerts",
        "http://alertmanager:9093/metrics", "http://alertmanager:9093/",
    ]  # fmt: skip
    credentials: list[dict[str, str]] = [
        {}, {"user": "admin", "password": "admin"}, {"user": "prometheus", "password": "prometheus"},
        {"user": "prometheus", "password": ""},
    ]  # fmt: skip
    tried = [{"kind": "http", "url": url, **who} for url in urls for who in credentials]
    answers = probe.ask(*tried)
    assert [(asked, it) for asked, it in zip(tried, answers, strict=True) if it.get("status") != 401] == []


@pytest.fixture(scope="module")
def busy(running: Stack, probe: Probe) -> Iterator[None]:
    """Visitors on the site, and tasks, for as long as the panels are looked at."""
    admin = Visitor(running.port).sign_in(probe.secret("secrets-django/admin-password"))

    with Load(running.port, writer=admin):
        yield


@pytest.fixture(scope="module")
def publisher(running: Stack, probe: Probe) -> Visitor:
    """Somebody who has tasks done."""
    return Visitor(running.port).sign_in(probe.secret("secrets-django/admin-password"))


def targets(probe: Probe, job: str) -> dict[str, str]:
    """Return what Prometheus has against each target of a job: nothing if it is up."""
    password = probe.secret("secrets-prometheus/password")
    url = f"http://prometheus:9090/api/v1/targets?state=active&scrapePool={job}"
    answer = probe.http(url, user="prometheus", password=password)
    assert answer.get("status") == 200, answer
    active = json.loads(answer["body"])["data"]["activeTargets"]
    return {target["scrapeUrl"]: "" if target["health"] == "up" else target["lastError"] for target in active}


def test_targets__are_all_up(busy: None, probe: Probe) -> None:
    for job in JOBS:
        wait_for(f"{job} to be up", lambda job=job: set(targets(probe, job).values()) == {""}, DATA_SECONDS)


def test_exporters__expose_what_the_contract_says(busy: None, probe: Probe) -> None:
    def found() -> dict[tuple[str, str], list[set[str]]]:
        """Return the labels of each series of the contract's metrics, by job and metric."""
        names = "|".join({name for metrics in EXPORTERS.values() for name in metrics})
        by_metric: dict[tuple[str, str], list[set[str]]] = {}
        for series in probe.prometheus(f'{{__name__=~"{names}"}}'):
            labels = series["metric"]
            by_metric.setdefault((labels["job"], labels["__name__"]), []).append(labels.keys())
        return by_metric

    def missing() -> list[tuple[str, str]]:
        return sorted({(job, name) for job, metrics in EXPORTERS.items() for name in metrics} - found().keys())

    wait_until_empty("metrics of exporters", missing)
    lacking = [
        (job, name, labels)
        for (job, name), all_labels in found().items()
        for labels in all_labels
        if not set(EXPORTERS.get(job, {}).get(name, ())) <= labels
    ]
    assert lacking == []


def wait_until_empty(what: str, missing: Callable[[], list[Any]]) -> None:
    """Wait until nothing is missing any more. Raises AssertionError with what is."""
    last: list[Any] = []

    def is_empty() -> bool:
        last[:] = missing()
        return not last

    try:
        wait_for(what, is_empty, DATA_SECONDS, every_seconds=2)
    except AssertionError as error:
        raise AssertionError(f"{error}; missing: {last}") from None


#: Grafana's own, of [security] in grafana/grafana.ini.
ADMINISTRATOR = "grafana!administrator"


class Grafana:
    """Asks Grafana as its administrator."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._password = probe.secret("secrets-grafana/admin-password")

    def ask(self, path: str, **question: Any) -> dict[str, Any]:
        """Return the answer, with its document in place of the body."""
        url = f"http://grafana:3000{path}"
        answer = self._probe.http(url, user=ADMINISTRATOR, password=self._password, **question)
        assert "status" in answer, answer
        return {**answer, "document": json.loads(answer["body"] or "null")}

    def run(self, *targets: dict[str, Any]) -> list[list[Any]]:
        """Return the values of panels' queries over the last 15 minutes. Raises AssertionError when one fails."""
        questions = []
        for target in targets:
            query = {**target, "intervalMs": 15_000, "maxDataPoints": 60}
            body = {"queries": [query], "from": "now-15m", "to": "now"}
            question = {"kind": "http", "url": "http://grafana:3000/api/ds/query", "method": "POST", "body": body}
            questions.append({**question, "user": ADMINISTRATOR, "password": self._password})
        values = []
        for target, answer in zip(targets, self._probe.ask(*questions), strict=True):
            assert answer.get("status") == 200, (target, answer)
            frames = json.loads(answer["body"])["results"][target["refId"]]["frames"]
            values.append([value for frame in frames for value in frame["data"]["values"][1] if value is not None])
        return values


@pytest.fixture(scope="module")
def grafana(probe: Probe) -> Grafana:
    return Grafana(probe)


def test_grafana__has_our_dashboard_and_data_sources(stack: Stack, grafana: Grafana) -> None:
    board = grafana.ask(f"/api/dashboards/uid/{BOARD['uid']}")
    assert board["document"]["dashboard"]["title"] == BOARD["title"]
    sources = {source["uid"]: source["type"] for source in grafana.ask("/api/datasources")["document"]}
    assert sources == {"prometheus": "prometheus", "elasticsearch": "elasticsearch"}


def test_grafana__reaches_its_data_sources(stack: Stack, grafana: Grafana) -> None:
    """Those that are started: without the profile `logs` there is no Elasticsearch."""
    for uid in {"prometheus", "elasticsearch"} & stack.containers().keys():
        answer = grafana.ask(f"/api/datasources/uid/{uid}/health")
        assert (answer["status"], answer["document"]["status"]) == (200, "OK"), answer["body"]


def test_grafana__lets_in_nobody_else(stack: Stack, probe: Probe) -> None:
    """Neither nobody, nor the default password, nor who sends a proxy's header; and its numbers are closed as well."""
    tried = [
        ("/api/datasources", {}), ("/api/datasources", {"user": "admin", "password": "admin"}),
        ("/api/datasources", {"headers": {"X-WEBAUTH-USER": "admin"}}), ("/metrics", {}),
    ]  # fmt: skip
    answers = probe.ask(*({"kind": "http", "url": f"http://grafana:3000{path}", **who} for path, who in tried))
    assert [(asked, it) for asked, it in zip(tried, answers, strict=True) if it.get("status") != 401] == []


def test_panels__have_data(busy: None, publisher: Visitor, grafana: Grafana) -> None:
    waiting = dict(PANELS)

    def missing() -> list[str]:
        for (name, target), values in zip(list(waiting.items()), grafana.run(*waiting.values()), strict=True):
            if values:
                del waiting[name]
            elif "celery_task" in target["expr"]:
                publisher.post("/report/recompute/", {}, page="/report/")
        return list(waiting)

    assert waiting
    wait_until_empty("data of panels", missing)


def test_request__is_counted(stack: Stack, visitor: Visitor, probe: Probe) -> None:
    query = 'sum(django_http_responses_total_by_status_view_method_total{view="inventory:report",status=~"2.."})'

    def counted() -> float:
        found = probe.prometheus(query)
        return float(found[0]["value"][1]) if found else 0.0

    before = counted()
    for _ in range(3):
        assert visitor.request("/report/").status == 200
    wait_for("three further requests", lambda: counted() >= before + 3, DATA_SECONDS)


# From here on an exporter is stopped: while its alert ripens, Prometheus is tried otherwise.


@pytest.fixture(scope="module")
def stopped_exporter(running: Stack) -> Iterator[None]:
    """The host's exporter, stopped until the end of this file."""
    running.compose("stop", "node-exporter")
    yield
    running.compose("start", "node-exporter")


def test_replica__is_a_target_of_its_own(stopped_exporter: None, running: Stack, probe: Probe) -> None:
    def addresses() -> set[str]:
        network = f"{running.project}_metrics"
        replicas = running.containers()["web"]
        return {f"http://{web['NetworkSettings']['Networks'][network]['IPAddress']}:8000/metrics" for web in replicas}

    def scale(count: int) -> None:
        running.compose("up", "-d", "--no-deps", "--no-recreate", "--scale", f"web={count}", "web", timeout=180)

    def are_up() -> bool:
        return targets(probe, "django") == dict.fromkeys(addresses(), "")

    scale(2)
    try:
        assert len(addresses()) == 2
        wait_for(
            "both replicas to be up",
            lambda: targets(probe, "django") == dict.fromkeys(addresses(), ""),
            DATA_SECONDS,
            1,
        )
    finally:
        scale(1)
    wait_for(
        "the other to be forgotten", lambda: targets(probe, "django") == dict.fromkeys(addresses(), ""), DATA_SECONDS, 1
    )


def test_wrong_token__is_a_target_that_is_down(stopped_exporter: None, running: Stack, probe: Probe) -> None:
    """And not a page without numbers."""
    token = probe.read("secrets-prometheus/metrics-token")

    def write(content: str) -> None:
        volume = running.volumes()["secrets-prometheus"]
        image = running.container("web")["Config"]["Image"]
        options = ("-i", "--rm", "--network=none", "--user=0:0", "--entrypoint=sh", f"--volume={volume}:/secrets")
        docker("run", *options, image, "-c", "cat > /secrets/metrics-token", text=content)

    refused = re.compile("server returned HTTP status 401")
    write("wrong\n")
    try:
        for job in ("django", "worker"):
            wait_for(
                f"{job} to be refused",
                lambda job=job: (found := targets(probe, job)) and all(map(refused.match, found.values())),
                DATA_SECONDS,
                1,
            )
            wait_for(f"{job} down", lambda job=job: probe.prometheus(f'up{{job="{job}"}} == 0'), DATA_SECONDS, 1)
    finally:
        write(token)
    for job in ("django", "worker"):
        wait_for(f"{job} to be up", lambda job=job: set(targets(probe, job).values()) == {""}, DATA_SECONDS)


def test_service_that_is_stopped__is_told_by_its_exporter(stopped_exporter: None, running: Stack, probe: Probe) -> None:
    """And not lost in a scrape that takes too long: an older engine takes long to say that a name is unknown."""
    told = {"postgres": "pg_up", "redis": "redis_up", "nginx": "nginx_up"}
    running.compose("stop", *told)
    try:
        for service, metric in told.items():
            wait_for(
                f"{service} to be told as down",
                lambda metric=metric: probe.prometheus(f"{metric} == 0"),
                DATA_SECONDS,
                1,
            )
    finally:
        running.compose("start", *told)
    for service, metric in told.items():
        wait_for(
            f"{service} to be told as up", lambda metric=metric: probe.prometheus(f"{metric} == 1"), DATA_SECONDS, 1
        )


def test_exporter_that_is_stopped__gives_its_alert(stopped_exporter: None, probe: Probe) -> None:
    firing = 'ALERTS{alertname="TargetDown",alertstate="firing",job="node"}'
    wait_for("the alert to fire", lambda: probe.prometheus(firing), ALERT_SECONDS, every_seconds=2)
    password = probe.secret("secrets-alertmanager/password")

    def arrived() -> list[dict[str, Any]]:
        wanted = urlencode([("filter", 'alertname="TargetDown"'), ("filter", 'job="node"')])
        url = f"http://alertmanager:9093/api/v2/alerts?{wanted}"
        answer = probe.http(url, user="prometheus", password=password)
        assert answer.get("status") == 200, answer
        return json.loads(answer["body"])

    (alert,) = wait_for("the alert in Alertmanager", arrived, 60)
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/TargetDown.md"
    assert alert["receivers"] == [{"name": "screens"}]
