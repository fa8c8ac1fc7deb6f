"""Which path a UI is asked for, and where its redirects lead."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.access.gate.proxy_paths import UnsafePathError, public_location, public_refresh, upstream_target
from django_ops.access.gate.registry import Service, parse
from tests.each import each

HOST = "site.example"


def service(**entry: object) -> Service:
    return parse({"flower": {"upstream": "http://flower:5555", **entry}}, "/ops/")["flower"]


KEEPING, STRIPPING = service(), service(keep_prefix=False)


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/ops/flower/", "", "/ops/flower/"),
        ("/ops/flower/tasks", "limit=10&q=a%20b", "/ops/flower/tasks?limit=10&q=a%20b"),
        ("/ops/flower/queue/a%2Fb", "", "/ops/flower/queue/a%2Fb"),
        ("/ops/flower/...", "", "/ops/flower/..."),
        ("/ops/flower/.well-known/x", "", "/ops/flower/.well-known/x"),
        ("/ops/flower/%E2%82%AC", "", "/ops/flower/%E2%82%AC"),
        ("/ops/flower/x", "next=../../admin", "/ops/flower/x?next=../../admin"),
    ],
)
def test_upstream_target__is_what_the_client_sent(path, query, target):
    assert upstream_target(KEEPING, path, query) == target


@pytest.mark.parametrize(
    ("path", "target"),
    [("/ops/flower/", "/"), ("/ops/flower/tasks", "/tasks"), ("/ops/flower/ops/flower/x", "/ops/flower/x")],
)
def test_upstream_target__without_the_prefix(path, target):
    assert upstream_target(STRIPPING, path, "") == target


@each(
    "path",
    [
        "/ops/grafana/",
        "/ops/flower",
        "/ops/flowers/",
        "/OPS/flower/",
        "//ops/flower/",
        "/ops//flower/",
        "/ops/./flower/",
        "/%6fps/flower/",
        "/ops%2Fflower/",
        "http://169.254.169.254/ops/flower/",
        "/ops/flower@evil.example/",
        "*",
        "",
    ],
)
def test_upstream_target__refuses_what_is_outside_of_the_prefix(path):
    with pytest.raises(UnsafePathError, match="outside of the prefix"):
        upstream_target(KEEPING, path, "")


@pytest.mark.parametrize("of", [KEEPING, STRIPPING], ids=["keeping", "stripping"])
@each(
    "rest",
    [
        "..", "../", "../grafana/", "a/../../grafana/", ".", "./x", "a/.", "a/..",
        "%2e%2e/grafana/", "%2E%2E/grafana/", ".%2e/grafana/", "%2e/x", "a/%2e%2e",
        "..%2fgrafana/", "..%2Fgrafana/", "%2e%2e%2fgrafana/", "a%2f..%2fb",
        "..\\grafana", "..%5cgrafana", "%2e%2e%5cgrafana", "a\\..\\b",
        "%252e%252e/grafana/", "%252e%252e%252fgrafana", "%25252e%25252e/grafana/",
        "%2%65%2%65/grafana/", "a%2%66..%2%66b", "%2%65.%2F",
        "..;/grafana/", "..;a=b/grafana/", ".;/x", "%2e%2e%3b/grafana/",
    ],
)  # fmt: skip
def test_upstream_target__refuses_dot_segments(of, rest):
    with pytest.raises(UnsafePathError):
        upstream_target(of, f"/ops/flower/{rest}", "")


@pytest.mark.parametrize("of", [KEEPING, STRIPPING], ids=["keeping", "stripping"])
@each("rest", ["/", "/evil.example/", "\\evil.example", "%2fevil.example", "%5cevil", "%252fevil", "%2%66evil"])
def test_upstream_target__refuses_two_slashes_where_a_host_could_follow(of, rest):
    with pytest.raises(UnsafePathError):
        upstream_target(of, f"/ops/flower/{rest}", "")


@each("rest", ["a%00", "%0d%0aHost:x", "%0a", "%7f", "a%250ab", "%09"])
def test_upstream_target__refuses_encoded_control_characters(rest):
    with pytest.raises(UnsafePathError):
        upstream_target(KEEPING, f"/ops/flower/{rest}", "")


@each("character", ["\r", "\n", "\x00", " ", "\x7f", "é", "\u2028", "\uff0e"])
def test_upstream_target__refuses_characters_that_must_be_encoded(character):
    with pytest.raises(UnsafePathError, match="must be encoded"):
        upstream_target(KEEPING, f"/ops/flower/a{character}b", "")
    with pytest.raises(UnsafePathError, match="must be encoded"):
        upstream_target(KEEPING, "/ops/flower/", f"a{character}b")


@pytest.mark.parametrize(("rest", "query"), [("#", ""), ("a#/../b", ""), ("", "a#b"), ("a?b", "")])
def test_upstream_target__refuses_a_fragment(rest, query):
    with pytest.raises(UnsafePathError, match="agree"):
        upstream_target(KEEPING, f"/ops/flower/{rest}", query)


def test_upstream_target__refuses_what_is_encoded_without_end():
    with pytest.raises(UnsafePathError, match="too often"):
        upstream_target(KEEPING, "/ops/flower/%" + "25" * 20 + "41", "")


@given(st.text(alphabet="./\\%25efcEFC;a#?", max_size=24))
def test_upstream_target__stays_below_the_prefix_however_it_is_decoded(rest):
    try:
        target = upstream_target(KEEPING, f"/ops/flower/{rest}", "")
    except UnsafePathError:
        return
    for _ in range(6):
        assert posixpath.normpath(target.replace("\\", "/")).startswith("/ops/flower")
        target = unquote(target)


@pytest.mark.parametrize(
    ("location", "public"),
    [
        # the UI's own address is nobody's business outside
        ("http://flower:5555/ops/flower/login", "/ops/flower/login"),
        ("http://FLOWER:5555/ops/flower/login", "/ops/flower/login"),
        ("//flower:5555/ops/flower/login", "/ops/flower/login"),
        ("http://flower:5555", "/ops/flower/"),
        ("http://flower:5555/login?next=/x#y", "/ops/flower/login?next=/x#y"),
        ("http://site.example/ops/flower/login", "/ops/flower/login"),
        ("https://SITE.example/ops/flower/login?a=b", "/ops/flower/login?a=b"),
        # paths
        ("/ops/flower/login", "/ops/flower/login"),
        ("/ops/flower", "/ops/flower"),
        ("/login", "/ops/flower/login"),
        ("/", "/ops/flower/"),
        ("/ops/flowers/x", "/ops/flower/ops/flowers/x"),
        ("/\\evil.example", "/ops/flower/evil.example"),
        ("login?next=%2Fops%2Fflower%2F", "login?next=%2Fops%2Fflower%2F"),
        ("?page=2", "?page=2"),
        # elsewhere
        ("https://docs.example/flower", "https://docs.example/flower"),
        ("http://flower:5556/x", "http://flower:5556/x"),
        ("https://site.example/accounts/logout/", "https://site.example/accounts/logout/"),
    ],
)
def test_public_location(location, public):
    assert public_location(KEEPING, location, HOST) == public


@pytest.mark.parametrize(
    ("location", "public"),
    [
        ("/login", "/ops/flower/login"),
        ("http://flower:5555/login", "/ops/flower/login"),
        ("http://site.example/login", "/ops/flower/login"),
        ("/ops/flower/login", "/ops/flower/login"),
    ],
)
def test_public_location__of_a_ui_that_does_not_know_its_prefix(location, public):
    assert public_location(STRIPPING, location, HOST) == public


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://[", "http:x"]
)
def test_public_location__leads_nowhere(location):
    assert public_location(KEEPING, location, HOST) is None


def test_public_location__knows_the_ports_of_the_schemes():
    plain = service(upstream="http://flower")
    assert public_location(plain, "http://flower:80/x", HOST) == "/ops/flower/x"
    assert public_location(plain, "http://flower/x", HOST) == "/ops/flower/x"
    assert public_location(plain, "https://flower/x", HOST) == "https://flower/x"


def test_public_location__of_an_address_in_brackets():
    of_address = service(upstream="http://[fd00::1]:5555")
    assert public_location(of_address, "http://[fd00::1]:5555/x", HOST) == "/ops/flower/x"


@pytest.mark.parametrize(
    ("refresh", "public"),
    [
        ("5", "5"),
        ("0; url=/login", "0; url=/ops/flower/login"),
        ("0;URL='http://flower:5555/login'", "0; url=/ops/flower/login"),
        ("0; url=javascript:alert(1)", None),
        ("now", None),
    ],
)
def test_public_refresh(refresh, public):
    assert public_refresh(KEEPING, refresh, HOST) == public
