"""Requests that run at the same time do not mix: ids, queries and outcomes belong to their own request."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.site.servers import Line, Server, eventually, new_id

REQUESTS = 200
KINDS = ("gunicorn gthread", "gunicorn asgi", "uvicorn")


@pytest.fixture(scope="module", params=["items", "aitems"])
def told(site: Server, request: pytest.FixtureRequest) -> dict[str, tuple[int, list[Line]]]:
    """Send 200 requests from 8 threads; return by id which item was asked for, and all lines with that id."""
    asked = {new_id(): number for number in range(REQUESTS)}

    def ask(request_id: str) -> None:
        answer = site.get(f"/{request.param}/{asked[request_id]}/?seconds=0.01", {"X-Request-ID": request_id})
        assert answer.request_id == request_id
        assert answer.body == f"item {asked[request_id]}".encode()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, asked))
    lines: dict[str, list[Line]] = {}

    def all_are_there() -> bool:
        lines.clear()
        for line in site.lines():
            lines.setdefault(line.get("http", {}).get("request", {}).get("id"), []).append(line)
        return all(len(lines.get(request_id, ())) >= 3 for request_id in asked)

    eventually(all_are_there, "three lines of each request")
    return {request_id: (number, lines[request_id]) for request_id, number in asked.items()}


pytestmark = pytest.mark.parametrize("site", KINDS, indirect=True, scope="session")


def test_lines__of_the_application_have_the_ids_of_their_request(told):
    for number, lines in told.values():
        assert [line["labels"]["item"] for line in lines if line["log.logger"] == "site.views"] == [str(number)] * 2


def test_lines__one_of_each_request(told):
    for number, lines in told.values():
        paths = [line["url"]["path"] for line in lines if line["log.logger"] == "django_ops.request"]
        assert [path.rpartition("items")[2] for path in paths] == [f"/{number}/"]


def test_lines__trace_and_span_are_the_same_within_a_request(told):
    spans = Counter()
    for _, lines in told.values():
        assert len({(line["trace"]["id"], line["span"]["id"]) for line in lines}) == 1
        spans[lines[0]["span"]["id"]] += 1
    assert len(spans) == REQUESTS


def test_queries__belong_to_their_request(told):
    for number, lines in told.values():
        counts = [line["django"]["db"]["count"] for line in lines if line["log.logger"] == "django_ops.request"]
        assert counts == [number % 5]


def test_outcomes__are_all_ok(told):
    outcomes = Counter(
        line["django"]["outcome"]
        for _, lines in told.values()
        for line in lines
        if line["log.logger"] == "django_ops.request"
    )
    assert outcomes == {"ok": REQUESTS}


def test_streams__do_not_mix_either(site):
    asked = {new_id(): number for number in range(1, 41)}

    def ask(request_id: str) -> None:
        site.get(f"/stream?chunks={asked[request_id]}&bytes=10&seconds=0.0005", {"X-Request-ID": request_id})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, asked))
    for request_id, number in asked.items():
        line = site.line_of(request_id)
        assert (line["django"]["db"]["count"], line["http"]["response"]["body"]["bytes"]) == (number, 10 * number)
