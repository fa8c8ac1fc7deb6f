"""The requests that get past no nginx get past the proxy neither, whichever parser uvicorn reads them with."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.gate_corpus import CORPUS
from tests.integration.gate_site.weaker import WEAKER
from tests.integration.gates import Gate, site
from tests.integration.services import HOST
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

#: What Django's sessions answer to a cookie of no session.
_FORGET_SESSION = re.compile(rb'set-cookie: sessionid="?"?; expires=Thu, 01 Jan 1970[^\r]*\r\n', re.IGNORECASE)


class ProxyGate(Gate):
    """A site that carries the UIs' traffic itself."""

    def send(self, request: bytes) -> bytes:
        """Send bytes as they are, and return what comes, without what Django says about sessions that are none."""
        return _FORGET_SESSION.sub(b"", super().send(request))


@contextmanager
def proxied(parser: str, **variables: str) -> Iterator[ProxyGate]:
    """Run a site in proxy mode, with websockets for all UIs."""

    def uvicorn(port: int) -> list[str]:
        return [
            sys.executable, "-m", "uvicorn", "tests.integration.gate_site.proxied:application", "--host", HOST,
            "--port", str(port), "--no-proxy-headers", "--http", parser,
        ]  # fmt: skip

    services = {name: {**entry, "websocket": True} for name, entry in SERVICES.items()}
    with site(services, server=uvicorn, TEST_GATE_MODE="proxy", TEST_CACHE_SECONDS="60", **variables) as made:
        gate = ProxyGate(made.directory, made.upstreams, made.environment, made.sessions)
        gate.port = made.django_port
        yield gate


@pytest.fixture(scope="module")
def with_httptools() -> Iterator[ProxyGate]:
    with proxied("httptools") as gate:
        yield gate


@pytest.fixture(scope="module")
def with_h11() -> Iterator[ProxyGate]:
    with proxied("h11") as gate:
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


@pytest.mark.parametrize("weaker", WEAKER)
def test_weaker_proxy__lets_something_past(weaker):
    tried = [case for case in CORPUS if case.name.startswith(WEAKER[weaker][1]) and case.name not in ALLOWED]
    assert tried
    with proxied("httptools", TEST_WEAKER=weaker) as gate:
        assert any(got_past(gate, case) for case in tried)
