"""Nothing gets past the gate, request by request; each safeguard is proven to be needed by what passes without it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.gate_corpus import CORPUS
from tests.integration.gate_corpus_case import MARKER, NEVER_IN_HEAD, Case
from tests.integration.gates import Gate, site

pytestmark = pytest.mark.one_python

SERVICES = {
    "flower": {"user_header": "Remote-User"},
    "grafana": {
        "user_header": "X-WEBAUTH-USER",
        "email_header": "X-WEBAUTH-EMAIL",
        "role_header": "X-WEBAUTH-ROLE",
        "roles": [["ops_gate.admin_grafana", "Admin"]],
        "default_role": "Viewer",
        "cookies": ["grafana_session"],
    },
    "strip": {"keep_prefix": False},
    "closed": {},
}


@pytest.fixture(scope="module")
def behind() -> Iterator[Gate]:
    """The site and its UIs, without an nginx yet."""
    with site(SERVICES, TEST_CACHE_SECONDS="60") as made:
        yield made


@pytest.fixture(scope="module")
def gate(behind: Gate) -> Iterator[Gate]:
    """What our configuration makes of them."""
    with behind.nginx() as made:
        yield made


def got_past(gate: Gate, case: Case) -> str:
    """Send a request, and say by what it got past the gate; "" when it did not."""
    request = case.request.replace("{session}", gate.sessions.get(case.by, "nobody"))
    gate.taken()
    answer = gate.send(request.encode("latin-1"))
    for name, received in gate.taken().items():
        if name not in case.open_to:
            return f"{name} got {received!r:.300}"
        if MARKER.encode() in received.lower() or any(key.encode() in received for key in gate.sessions.values()):
            return f"{name} read {received!r:.300}"
    for part in answer.split(b"HTTP/1."):
        head = part.partition(b"\r\n\r\n")[0].lower().decode("latin-1")
        for word in NEVER_IN_HEAD:
            if word in head:
                return f"the answer has {word}: {head:.300}"
    return ""


def test_corpus__is_large():
    assert len(CORPUS) >= 60
    assert len({case.name for case in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_request__does_not_get_past(gate, case):
    assert got_past(gate, case) == ""


def test_corpus__reaches_what_is_open(gate):
    """The requests that a sender may make are not all refused: the marker is what is looked for."""
    reached = set()
    for case in CORPUS:
        if case.open_to and case.name.startswith(("identity", "cookies")):
            gate.send(case.request.replace("{session}", gate.sessions[case.by]).encode("latin-1"))
            reached |= set(gate.taken())
    assert reached == {"flower", "grafana"}


# Each key is what is taken out of the configuration; the cases that then get past begin with the word.
WEAKER = {
    "nobody is asked": ("path, nobody", {r"auth_request /.*;": ""}),
    "another UI is asked about": (
        "path, from flower",
        {r"auth_request /_ops/gate/closed/;": "auth_request /_ops/gate/flower/;"},
    ),
    "paths as they come": ("path, from flower", {r"if \(\$\w+ = \"\"\) \{\s+return 400;\s+\}": ""}),
    "identities as they come": ("identity", {r'proxy_set_header (X-Webauth|Remote|X-Remote)-\w+ "";': ""}),
    "names with underscores": (
        "identity",
        {r"access_log off;": "underscores_in_headers on;", r'proxy_set_header \w+_[\w-]+ "";': ""},
    ),
    "invalid headers": ("identity", {r"access_log off;": "ignore_invalid_headers off;"}),
    "cookies as they come": ("cookies", {r'proxy_set_header Cookie "";': ""}),
    "all cookies of a UI that has some": (
        "cookies", {r"proxy_set_header Cookie \$gate_grafana_cookies;": "proxy_set_header Cookie $http_cookie;"}
    ),
    "cookies by their beginning only": ("cookies", {r"\(\?:\^\|;\[ \\t\]\*\)": ""}),
    "Authorization as it comes": ("identity", {r'proxy_set_header Authorization "";': ""}),
    "the method is not told": ("POST", {r"X-Original-Method \$request_method;": "X-Original-Method GET;"}),
    "the client's own X-Original-Method": (
        "POST", {r"proxy_set_header X-Original-Method .*;": "", r"proxy_pass_request_headers off;": ""}
    ),
    "Sec-Fetch-Site is not told": ("POST: cross-site", {r"proxy_set_header Sec-Fetch-Site .*;": ""}),
    "Origin is taken for ours": ("POST", {r"proxy_set_header Origin .*;": "proxy_set_header Origin http://$host;"}),
    "the client's own X-Forwarded-Proto": (
        "POST", {r"proxy_set_header X-Forwarded-Proto .*;": "", r"proxy_pass_request_headers off;": "",
                 r"proxy_set_header Origin .*;": "proxy_set_header Origin $scheme://$host;"}
    ),
    "websockets are not told of": ("websocket", {r"proxy_set_header X-Original-Upgrade .*;": ""}),
    "questions from outside": ("our own location", {r"internal;": ""}),
    "anybody from this network": (
        "path, nobody", {r"default_server;": "default_server; satisfy any; allow all;", r"satisfy all;": ""}
    ),
    "cookies of a UI for the site": ("answer of a UI", {r"proxy_hide_header Set-Cookie;": ""}),
    "orders of a UI to nginx": ("answer of a UI", {r"proxy_ignore_headers .*;": "", r"internal;": ""}),
    "words of a UI in our name": ("answer of a UI", {r"proxy_hide_header X-Ops-User;": ""}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("cases", "weaker"), WEAKER.values(), ids=WEAKER)
def test_weaker_configuration__lets_something_past(behind, cases, weaker):
    with behind.nginx(weaker) as gate:
        tried = [case for case in CORPUS if case.name.startswith(cases)]
        assert tried
        assert any(got_past(gate, case) for case in tried)


# Of what the surroundings may do wrong, we make up for this much.
CARELESS = {
    "names with underscores": {r"access_log off;": "underscores_in_headers on;"},
    "anybody from this network": {r"default_server;": "default_server; satisfy any; allow all;"},
    "slashes are not merged": {r"access_log off;": "merge_slashes off;"},
    "errors are looked at": {r"access_log off;": "proxy_intercept_errors on;"},
}


#: Then still, names with _ pass that no UI of ours reads.
UNREAD = ("X_Forwarded_User", "X_Ops_User")


@pytest.mark.slow
@pytest.mark.parametrize("weaker", CARELESS.values(), ids=CARELESS)
def test_careless_surroundings__let_nothing_past(behind, weaker):
    cases = [case for case in CORPUS if not case.name.startswith("smuggling") and not any(map(case.name.count, UNREAD))]
    with behind.nginx(weaker) as gate:
        assert {case.name: how for case in cases if (how := got_past(gate, case))} == {}
