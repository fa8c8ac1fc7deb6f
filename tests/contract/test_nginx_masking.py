"""One corpus through both writers of the log: nginx's line shows no secret that Django's would mask, and is bounded."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ops.record.nginx_masking import LONGEST_FIELD, entries_of_keys, entries_of_routes
from django_ops.record.redaction import MASK, mask_text
from tests.attack.secret_texts import INNOCENT, cases, comes_through
from tests.contract.nginxes import Edge, Names, application, make_www, readable_directory, start_nginx
from tests.integration.services import HOST, wait_until

pytestmark = pytest.mark.one_python

#: Bytes; said in access_log.conf.
LONGEST_LINE = 2560


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with readable_directory() as directory, application() as server:
        make_www(directory)
        masking = directory / "www" / "masking"  # as dockerfiles/app/prepare.py writes it
        masking.mkdir()
        (masking / "routes.conf").write_text(entries_of_routes([("/assets/reset/[^/]+/", "/?")]))
        (masking / "keys.conf").write_text(entries_of_keys(["tax_number", "colour"]))
        with start_nginx(directory, Names(HOST), server.server_address[1]) as running:
            yield running


def shown(edge: Edge, requests: list[tuple[str, str]]) -> list[str]:
    """Send requests, each a path and a user agent, and return the lines of the access log that tell of them."""
    before = edge.log.stat().st_size if edge.log.exists() else 0
    connection = http.client.HTTPConnection(HOST, edge.port, timeout=60)
    for path, agent in requests:
        # answered by nginx itself, so that a thousand take a second
        connection.request("GET", f"/assets/{path}", headers={"User-Agent": agent})
        connection.getresponse().read()
    connection.close()

    def lines() -> list[str]:
        with edge.log.open("rb") as log:
            log.seek(before)
            return log.read().decode("ascii").splitlines()

    wait_until(lambda: len(lines()) >= len(requests), f"{len(requests)} lines in {edge.log}")
    return lines()


def _header(text: str) -> str:
    """Return a text as it can be in a header, which has no line ends and, here, no other than ASCII characters."""
    return " ".join(text.split()).encode("ascii", "replace").decode()


def _missed(edge: Edge, *, held_out: bool) -> tuple[list[str], int]:
    """Return what was missed, and how many were planted: each case once in the path and once in the user agent."""
    half = [case for case in cases() if case.held_out is held_out]
    # some with every sign encoded, as browsers and programs differ in what they leave
    safe = ("/:=,;@&+!$()*'~", "")
    by_path = shown(edge, [(quote(case.text, safe=safe[at % 2]), "-") for at, case in enumerate(half)])
    ascii_only = [case for case in half if case.text.isascii()]
    by_agent = shown(edge, [("", _header(case.text)) for case in ascii_only])
    names = [f"{case.name}, path" for case, line in zip(half, by_path, strict=True) if comes_through(case.secret, line)]
    names += [
        f"{case.name}, agent"
        for case, line in zip(ascii_only, by_agent, strict=True)
        if comes_through(case.secret, line)
    ]
    return names, len(half) + len(ascii_only)


@pytest.mark.parametrize("held_out", [False, True])
def test_line__has_no_secret_of_the_corpus(edge, held_out):
    names, planted = _missed(edge, held_out=held_out)
    assert planted > 3000
    assert names == []


_PARTS = st.sampled_from(
    "password pin api_key userToken session.key пароль passe name value key type for by login auth bearer token -u user"
    ' identified x 1 : = => == , ; \' " \\ \\" %22 %5B %3D &quot; [ ] { } ( ) < > </ -- - | \n :// @ / . _ + %20'
    " <- -> ?: path \uff1a \\n \\u0022 \\u00e9 s:4: name= value= form-data; Cookie: Authorization: Digest".split(" ")
).map(lambda part: part or " ")
_PLANTED = "Zx9Tr0ub4dorQ7"


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(_PARTS, max_size=8).map(" ".join) | st.lists(_PARTS, max_size=8).map("".join), min_size=20))
def test_line__is_never_laxer_than_djangos(edge, beginnings):
    texts = [f"{beginning}{_PLANTED}" for beginning in beginnings]
    by_path = shown(edge, [(quote(text, safe="/:=,;@&+!$()*'~"), "-") for text in texts])
    by_agent = shown(edge, [("", _header(text)) for text in texts])
    laxer = [text for text, line in zip(texts, by_path, strict=True) if _is_laxer(text, line)]
    laxer += [text for text, line in zip(texts, by_agent, strict=True) if _is_laxer(_header(text), line)]
    assert laxer == []


def _is_laxer(text: str, line: str) -> bool:
    return _PLANTED in line and _PLANTED not in mask_text(text)


def test_line__shows_innocent_paths_and_agents(edge):
    paths = ["orders/17/", "wiki/Category:Cats", "author.3f2a9c1b7d04.js", "token/refresh/", "caf%C3%A9/menu", "a;v=1"]
    agents = [text for text in INNOCENT if text.startswith("Mozilla")] + [
        "curl/8.5.0",
        "okhttp/4.12.0",
        "x (api@y.com)",
    ]
    lines = shown(edge, [(path, agent) for path in paths for agent in agents])
    assert MASK not in "".join(lines)
    assert [json.loads(line)["url"]["path"] for line in lines] == [f"/assets/{path}" for path in paths for _ in agents]
    assert [json.loads(line)["user_agent"]["original"] for line in lines] == agents * len(paths)


def test_line__hides_what_the_project_hides(edge):
    lines = shown(
        edge,
        [
            ("reset/MQ/set-abc/", "-"),
            ("reset/MQ/set-abc/?next=/", "taxNumber=17"),
            ("a;TAX-NUMBER=17", 'x {"my_colour": "red"}'),
        ],
    )
    assert [json.loads(line)["url"]["path"] for line in lines] == [
        *[f"/assets/reset/MQ/{MASK}"] * 2,
        f"/assets/a;{MASK}",
    ]
    assert [json.loads(line)["user_agent"]["original"] for line in lines] == ["-", MASK, f'x {{"my_{MASK}']


@pytest.mark.parametrize("unit", ["pin", "name=", "value=x;name=", "-", "pass%20", "://a:b", "sk-", "%EF", "auth%20"])
def test_line__hostile_text_is_within_the_bounds_of_pcre(edge, unit):
    shown(edge, [((unit * 4000)[:4000], (unit * 4000)[:4000])])
    assert b"pcre" not in edge.errors.read_bytes()  # what nginx cannot match, it would show


def test_line__a_secret_across_the_end_is_cut(edge):
    path, agent = "x" * (LONGEST_FIELD - 20) + "/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2VjcmV0IHBheWxv", "y" * 5000
    line = json.loads(shown(edge, [(path, agent)])[0])
    assert "eyJ" not in line["url"]["path"]
    assert line["user_agent"]["original"] == "y" * LONGEST_FIELD


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b'"' * 8000 + b" HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + b"\\" * 8000,
        b"X" * 8000 + b" / HTTP/1.1\r\nHost: a",
        b"GET / HTTP/1." + b"0" * 8000 + b"1\r\nHost: a",
        b"GET /" + b'"' * 3900 + b" HTTP/1.1\r\nHost: a\r\nUser-Agent: " + b'"' * 8000 + b"\r\nReferer: " + b"0" * 8000,
        b"GET /" + b"\xff" * 8000 + b" HTTP/1.1\r\nHost: a",
    ],
)  # fmt: skip
def test_line__is_bounded_whatever_is_sent(edge, request_bytes):
    marker = f"marker-{uuid4()}"
    shown(edge, [(marker, "-")])
    before = edge.log.stat().st_size
    edge.send(request_bytes + b"\r\nConnection: close\r\n\r\n")
    wait_until(lambda: edge.log.stat().st_size > before, "a line of the request")
    line = edge.log.read_bytes()[before:]
    assert len(line) <= LONGEST_LINE
    assert json.loads(line)["http"]["request"]["method"] in {"GET", "_OTHER"}
