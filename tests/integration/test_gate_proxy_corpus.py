"""The requests that get past no nginx get past the proxy neither, whichever parser uvicorn reads them with."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.gate_corpus import CORPUS
from tests.integration.gate_site.weaker import WEAKER
from tests.integration.proxy_gates import ProxyGate, proxied
from tests.integration.services import wait_until
from tests.integration.test_gate_corpus import SERVICES, got_past

#: Requests that may be made here, and not with nginx.
ALLOWED = {
    "websocket of ann: our page",  # the proxy can end it
    "websocket: in capitals, after another word",  # no handshake: a GET by somebody who may, which is all the UI sees
}
#: h11 reads these in another way than nginx, and only in one: the word is within a value, or within a body.
READ_BY_H11 = {
    "identity: folded over two lines",
    "smuggling, GET: a chunk's size that overflows",
    "smuggling, POST: a chunk's size that overflows",
}

#: uvicorn's own answer to what its parser does not take: nobody else hears of it.
BY_THE_SERVER = b"Invalid HTTP request received."


@pytest.fixture(scope="module")
def with_httptools() -> Iterator[ProxyGate]:
    with proxied(SERVICES, "httptools", TEST_CACHE_SECONDS="60") as gate:
        yield gate


@pytest.fixture(scope="module")
def with_h11() -> Iterator[ProxyGate]:
    with proxied(SERVICES, "h11", TEST_CACHE_SECONDS="60") as gate:
        yield gate


@pytest.mark.parametrize("case", [case for case in CORPUS if case.name not in ALLOWED], ids=lambda case: case.name)
def test_request__does_not_get_past_httptools(with_httptools, case):
    assert got_past(with_httptools, case) == ""


@pytest.mark.parametrize(
    "case", [case for case in CORPUS if case.name not in ALLOWED | READ_BY_H11], ids=lambda case: case.name
)
def test_request__does_not_get_past_h11(with_h11, case):
    assert got_past(with_h11, case) == ""


def test_corpus__has_what_is_left_out():
    assert {case.name for case in CORPUS} > ALLOWED | READ_BY_H11


def test_corpus__reaches_what_is_open(with_httptools):
    reached = set()
    for case in CORPUS:
        if case.open_to and case.name.startswith(("identity", "cookies")):
            with_httptools.send(case.request.replace("{session}", with_httptools.sessions[case.by]).encode("latin-1"))
            reached |= set(with_httptools.taken())
    assert reached == {"flower", "grafana"}


def counted(gate: ProxyGate) -> int:
    """Return how many requests the site has counted, once it has ended all that it has begun."""
    found: dict[str, float] = {}

    def has_ended_all() -> bool:
        found.clear()
        for name, value in re.findall(r"^(\w+)(?:{.*})? (\S+)$", gate.ask("/metrics").body.decode(), re.MULTILINE):
            found[name] = found.get(name, 0) + float(value)
        return found.get("django_ops_http_requests_in_progress") == 0

    wait_until(has_ended_all, "the requests that are in progress to end")
    return int(found.get("django_http_requests_total_by_method_total", 0))  # none yet: no series


@pytest.mark.parametrize("parser", ["httptools", "h11"])
def test_target_that_is_no_path__is_counted(request, parser):
    gate = request.getfixturevalue(f"with_{parser}")
    uncounted = []
    for case in [case for case in CORPUS if case.name.startswith("target")]:
        before = counted(gate)
        answer = gate.send(case.request.replace("{session}", gate.sessions["ann"]).encode("latin-1"))
        if BY_THE_SERVER not in answer and counted(gate) != before + 1:
            uncounted.append((case.name, answer))
    assert uncounted == []


@pytest.mark.one_python
@pytest.mark.parametrize("weaker", WEAKER)
def test_weaker_proxy__lets_something_past(weaker):
    tried = [case for case in CORPUS if case.name.startswith(WEAKER[weaker][1]) and case.name not in ALLOWED]
    assert tried
    with proxied(SERVICES, TEST_WEAKER=weaker) as gate:
        assert any(got_past(gate, case) for case in tried)
