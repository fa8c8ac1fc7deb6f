"""One request, known by its id, in every place that tells of it: from nginx to the panels' numbers."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from tests.e2e.commands import wait_for
from tests.e2e.lines import SHIPPED_SECONDS, field, in_files
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

TASK = "stack.inventory.tasks.recompute_report"
#: Two scrapes of 15 s, and a busy machine.
COUNTED_SECONDS = 60
#: Where something is counted, the counter there, and the query for it.
COUNTERS = [
    (
        "http://web:8000/metrics",
        r'django_http_responses_total_by_status_view_method_total\{(?=.*status="302")(?=.*view="inventory:recompute")',
        'sum(django_http_responses_total_by_status_view_method_total{view="inventory:recompute",status="302"})',
    ),
    (
        "http://worker:9808/metrics",
        rf'django_ops_celery_tasks_total\{{(?=.*outcome="success")(?=.*task="{re.escape(TASK)}")',
        f'sum(django_ops_celery_tasks_total{{task="{TASK}",outcome="success"}})',
    ),
]

Line = dict[str, Any]
#: Where a request and its task are told: directory and dataset.
PLACES = (("nginx-logs", "nginx.access"), ("app-logs", "django.request"), ("worker-logs", "django.task"))


class Trace:
    """A request to compute the report anew, sent with a trace id of the client, and its task."""

    def __init__(self, admin: Visitor) -> None:
        self.claimed = secrets.token_hex(16)
        token = admin.cookies["csrftoken"].value
        self.answer = admin.request(
            "/report/recompute/",
            "POST",
            {"csrfmiddlewaretoken": token},
            {"traceparent": f"00-{self.claimed}-{secrets.token_hex(8)}-01"},
        )
        self.id = self.answer.request_id

    def lines(self, probe: Probe, directory: str, dataset: str) -> list[Line]:
        """Return the lines of a dataset with the request's id."""
        of_this = [line for line in in_files(probe, directory) if field(line, "http.request.id") == self.id]
        return [line for line in of_this if field(line, "event.dataset") == dataset]


@pytest.fixture
def trace(admin: Visitor, probe: Probe) -> Trace:
    """A request whose task has been done, and all has been told of both."""
    sent = Trace(admin)
    for directory, dataset in PLACES:
        wait_for(f"the line in {dataset}", lambda of=(directory, dataset): sent.lines(probe, *of), 30)
    return sent


def test_request__is_told_an_id_that_no_client_chose(trace: Trace) -> None:
    assert trace.answer.status == 302
    assert re.fullmatch("[0-9a-f]{32}", trace.id)
    assert trace.id != trace.claimed


def test_trace__of_the_client_is_in_each_line(trace: Trace, probe: Probe) -> None:
    for place in PLACES:
        (line,) = trace.lines(probe, *place)
        assert field(line, "trace.id") == trace.claimed


def test_request__of_nobody_who_traces_gets_an_id_of_its_own(visitor: Visitor) -> None:
    ids = {visitor.request("/").request_id for _ in range(3)}
    assert len(ids) == 3
    assert all(len(name) == 32 for name in ids)


def test_request__has_one_line_in_each_place(trace: Trace, probe: Probe) -> None:
    ((edge,), (site,), (task,)) = (trace.lines(probe, *place) for place in PLACES)
    for line in (edge, site):
        assert field(line, "http.response.status_code") == 302
        assert field(line, "url.path") == "/report/recompute/"
    assert field(edge, "nginx.upstream.status") == 302
    assert field(task, "event.outcome") == "success"
    assert TASK in str(task)


def test_task__logs_under_the_id_as_well(trace: Trace, probe: Probe) -> None:
    messages = [field(line, "message") for line in trace.lines(probe, "worker-logs", "django.log")]
    assert "Inventory report computed" in messages


def test_client__cannot_claim_an_id_of_its_own_making(admin: Visitor) -> None:
    claimed = "f" * 32
    answer = admin.request("/", headers={"X-Request-ID": claimed, "traceparent": f"00-{claimed}-{'1' * 16}-01"})
    assert answer.request_id not in ("", claimed)


def test_request__is_found_in_elasticsearch_by_its_id(trace: Trace, probe: Probe) -> None:
    def datasets() -> list[str]:
        probe.refresh()
        found = probe.search({"size": 20, "query": {"term": {"http.request.id": trace.id}}})
        return sorted(str(field(hit["_source"], "event.dataset")) for hit in found["hits"]["hits"])

    expected = ["django.log", "django.request", "django.task", "nginx.access"]
    found = wait_for(
        "the four lines", lambda: datasets() if len(datasets()) >= len(expected) else None, SHIPPED_SECONDS
    )
    assert found == expected


def test_unknown_id__is_found_nowhere(trace: Trace, probe: Probe) -> None:
    trace.id = secrets.token_hex(16)
    assert trace.lines(probe, "nginx-logs", "nginx.access") == []
    found = probe.search({"size": 1, "query": {"term": {"http.request.id": trace.id}}})
    assert found["hits"]["total"]["value"] == 0


def exposed(probe: Probe, url: str, series: re.Pattern[str]) -> float:
    """Return the sum of the series of a page of metrics whose names and labels match."""
    headers = {"Host": "localhost", "Authorization": f"Bearer {probe.secret('secrets-django/metrics-token')}"}
    answer = probe.http(url, headers=headers)
    assert answer.get("status") == 200, answer
    return sum(float(line.split()[-1]) for line in answer["body"].splitlines() if series.match(line))


@pytest.mark.parametrize(("url", "series", "query"), COUNTERS, ids=["request", "task"])
def test_request__is_counted_in_prometheus(
    stack: Stack, admin: Visitor, probe: Probe, url: str, series: str, query: str
) -> None:
    before = exposed(probe, url, re.compile(series))
    traces = [Trace(admin) for _ in range(3)]
    assert [sent.answer.status for sent in traces] == [302] * 3
    wait_for("the tasks", lambda: all(sent.lines(probe, "worker-logs", "django.task") for sent in traces), 30)

    def count() -> float:
        return sum(float(found["value"][1]) for found in probe.prometheus(query))

    wait_for(f"{before + 3:g} of {query}", lambda: count() == before + 3, COUNTED_SECONDS, 1)
