"""Which paths mean one thing only, and where a browser may be sent back to."""

import re
from urllib.parse import unquote, urljoin, urlsplit

from django.utils.http import url_has_allowed_host_and_scheme
from hypothesis import given
from hypothesis import strategies as st

from django_ops.access.gate.paths import DECEPTIVE, is_plain, way_back
from django_ops.access.gate.registry import parse
from tests.each import each

FLOWER = parse({"flower": {"upstream": "http://flower:5555"}}, "/ops/")["flower"]

PLAIN = [
    "/ops/flower/", "/ops/flower/api/tasks?limit=1", "/ops/flower/a%2Fb", "/ops/flower/%252F", "/ops/flower/..a/b..",
    "/ops/flower/.hidden", "/ops/flower/a.b/...", "/ops/flower/?x=a//b&y=../..&z=%2e%2e", "/ops/flower/%C3%A9",
    "/ops/flower/a;b=c", "/ops/flower/a%3Bb", "/ops/flower/a:b@c", "/ops/flower/?", "/ops/flower/%7e",
]  # fmt: skip
DECEIVING = [
    "/ops/flower", "/ops/Flower/", "/ops//flower/", "//ops/flower/", "/ops/grafana/", "ops/flower/", "", "/",
    "http://evil.example/ops/flower/", "/ops/%66lower/", "/ops/flower/..", "/ops/flower/.", "/ops/flower/../x",
    "/ops/flower/./x", "/ops/flower/%2e%2e/x", "/ops/flower/.%2E/", "/ops/flower/%2e", "/ops/flower/x/..?y",
    "/ops/flower/..;/x", "/ops/flower/..%3bx", "/ops/flower/..%2fx", "/ops/flower/..%5cx", "/ops/flower/a\\b",
    "/ops/flower/a%5Cb", "/ops/flower/a%255cb", "/ops/flower/%252e%252e/", "/ops/flower/..%252f",
    "/ops/flower/%25252e/", "/ops/flower/%c0%ae%c0%ae/", "/ops/flower/..%c0%af", "/ops/flower//", "/ops/flower/a//b",
    "/ops/flower/#", "/ops/flower/a#b", "/ops/flower/?a#b", "/ops/flower/%00", "/ops/flower/%0a", "/ops/flower/%0D%0A",
    "/ops/flower/%7f", "/ops/flower/%2500",
]  # fmt: skip


@each("target", PLAIN)
def test_is_plain__plain(target):
    assert is_plain(FLOWER, target)


@each("target", DECEIVING)
def test_is_plain__deceiving(target):
    """ACCEPT 4: `..`, `%2e%2e`, `//` and `#` cannot change the service."""
    assert not is_plain(FLOWER, target)


pieces = st.lists(
    st.sampled_from(
        ["/", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "%25", "2e", "2f", "a", ";", "?", "#", "%c0%ae", "ops"]
    ),
    max_size=12,
).map("".join)


@given(pieces)
def test_is_plain__stays_within_however_it_is_decoded(rest):
    target = f"/ops/flower/{rest}"
    if not is_plain(FLOWER, target):
        return
    path = target.partition("?")[0]
    for _ in range(4):
        resolved = urlsplit(urljoin("http://host", path.replace("\\", "/")))
        assert resolved.netloc == "host"
        assert resolved.path.startswith("/ops/flower/")
        path = unquote(path)


def test_rule__can_stand_between_quotes_of_nginx():
    assert '"' not in DECEPTIVE
    assert re.findall(r"\\.{3}", DECEPTIVE) == ["\\x5c"]
    assert DECEPTIVE.count("\\") == 1


def test_rule__is_fast_for_what_is_long():
    """Each of these would take minutes if the rule went back and forth."""
    for part in ("%25", "/a", "..a/", "%2525", "%c0", "?", "/.a"):
        is_plain(FLOWER, "/ops/flower/" + part * (8192 // len(part)))


@each("target", PLAIN)
def test_way_back__plain(target):
    assert way_back(FLOWER, target) == target


@each("target", [*DECEIVING, "/ops/flower/" + "a" * 2048, "/ops/flower/é", "/ops/flower/a b", "/ops/flower/\t"])
def test_way_back__deceiving(target):
    assert way_back(FLOWER, target) == "/ops/flower/"


@given(st.one_of(st.text(max_size=30), pieces).map(lambda text: text if len(text) % 2 else f"/ops/flower/{text}"))
def test_way_back__is_what_django_calls_safe(target):
    assert url_has_allowed_host_and_scheme(way_back(FLOWER, target), allowed_hosts=None)
