"""The gate as nginx and gunicorn run it: whom it lets in, and what a UI is asked and told."""

from __future__ import annotations

import pytest

from tests.integration.gate_fixtures import LONG
from tests.integration.gates import NAME
from tests.integration.services import HOST

pytestmark = pytest.mark.one_python

OWN = f"http://{NAME}"


# who ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        ("root", "/ops/closed/", 200),
        ("ann", "/ops/flower/", 200),
        ("ann", "/ops/closed/", 403),
        ("bob", "/ops/flower/", 403),
        ("", "/ops/flower/", 401),
    ],
)
def test_accept_1__who_may_open_it(gate, who, path, status):
    """ACCEPT 1: a superuser, and whoever has the permission, 2xx; without it 403; anonymous 401."""
    assert gate.ask(path, by=who).status == status


@pytest.mark.parametrize("who", ["gone", "changed", "expired"])
def test_accept_2__whose_session_is_no_longer_good(gate, who):
    """ACCEPT 2: an inactive user, and one whose password has changed, 401."""
    assert gate.ask("/ops/flower/", by=who).status == 401
    assert gate.taken() == {}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"])
def test_anonymous__is_401_by_every_method(gate, method):
    assert gate.ask("/ops/flower/", method, b"x" if method == "POST" else None, Origin=OWN).status == 401
    assert gate.taken() == {}


# what a UI is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target", ["/ops/flower/", "/ops/flower/a%2Fb/%C3%A9?x=a//b&y=%2e%2e", "/ops/flower/a?", "/ops/flower/;a=b?c;d"]
)
def test_target__goes_on_as_it_was_sent(gate, target):
    assert gate.ask(target, by="ann").json()["target"] == target


@pytest.mark.parametrize(
    ("target", "expected"), [("/ops/strip/", "/"), ("/ops/strip/a%2Fb?c=/ops/strip/", "/a%2Fb?c=/ops/strip/")]
)
def test_target__without_the_prefix(gate, target, expected):
    assert gate.ask(target, by="ann").json()["target"] == expected


def test_place_without_slash__leads_to_the_one_with(gate):
    answer = gate.ask("/ops/flower?x=y")
    assert (answer.status, answer.headers["Location"]) == (308, "/ops/flower/?x=y")


@pytest.mark.parametrize("path", ["/ops/unknown/", "/ops/unknown"])
def test_accept_12__unknown_service_is_404(gate, path):
    """ACCEPT 12: an unknown service 404."""
    answer = gate.ask(path, by="root", X_Forwarded_Proto="https")
    # nothing of it is nginx's: Django has no such page, once it is not led to https
    assert (answer.status, answer.headers.get("Location")) in [(404, None), (301, f"https://{NAME}{path}")]
    assert gate.taken() == {}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_body__reaches_the_ui(gate, method):
    """flower#554: the question to Django is a GET without a body, and the UI has it all the same."""
    answer = gate.ask("/ops/flower/api/worker/shutdown/x", method, b"a=b", by="ann", Origin=OWN)
    assert (answer.json()["method"], answer.json()["body"]) == (method, "a=b")


def test_body__in_chunks_reaches_the_ui(gate):
    head = (
        f"POST /ops/flower/ HTTP/1.1\r\nHost: {NAME}\r\nOrigin: {OWN}\r\nCookie: sessionid={gate.sessions['ann']}\r\n"
    )
    answer = gate.send(f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\na=b\r\n0\r\n\r\n".encode())
    assert b'"body": "a=b"' in answer


def test_body__too_large_is_413(gate):
    assert gate.ask("/ops/flower/", "POST", b"x" * 100_001, by="ann", Origin=OWN).status == 413
    assert gate.taken() == {}


@pytest.mark.parametrize(
    "agent",
    [
        {"Sec_Fetch_Site": "same-origin"},
        {"Origin": OWN},
        {"Origin": "https://intranet.example.org"},
        {"Referer": f"{OWN}/ops/flower/"},
    ],
)
def test_change__from_our_own_page(gate, agent):
    assert gate.ask("/ops/flower/", "POST", b"a=b", by="ann", **agent).status == 200


@pytest.mark.parametrize(
    "agent", [{"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {}]
)
def test_accept_6__change_from_another_page(gate, agent):
    """ACCEPT 6: an unsafe method with a foreign Origin or Sec-Fetch-Site: cross-site 403."""
    assert gate.ask("/ops/flower/", "POST", b"a=b", by="ann", **agent).status == 403
    assert gate.taken() == {}


def test_websocket__is_refused(gate):
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": OWN}
    assert gate.ask("/ops/flower/ws", by="root", **headers).status == 403


def test_body__of_nobody_takes_no_room(gate):
    head = f"GET /ops/flower/ HTTP/1.1\r\nHost: {NAME}\r\nAccept: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert gate.send(head.encode() + b"5000\r\n" + b"x" * 0x5000).startswith(b"HTTP/1.1 413 ")


# what a UI is told --------------------------------------------------------------------------------------------------


def test_identity__is_told(gate):
    headers = gate.ask("/ops/grafana/", by="ann").json()["headers"]
    told = {name: value for name, value in headers.items() if name.startswith("x-webauth")}
    assert told == {"x-webauth-user": "ann", "x-webauth-email": "ann@example.com", "x-webauth-role": "Viewer"}


def test_identity__role_by_permission(gate):
    assert gate.ask("/ops/grafana/", by="root").json()["headers"]["x-webauth-role"] == "Admin"


def test_identity__nobody_is_told_who_did_not_ask(gate):
    assert set(gate.ask("/ops/flower/", by="ann").json()["headers"]) == {
        "host", "x-forwarded-host", "x-forwarded-for", "x-forwarded-proto", "connection", "accept-encoding",
    }  # fmt: skip


def test_identity__that_is_the_uis_own_is_refused(gate):
    answer = gate.ask("/ops/kept/", by="ann")
    assert (answer.status, gate.taken()) == (403, {})
    assert answer.headers["Content-Type"] == "text/plain"
    assert b"an account of its own with that name" in answer.body
    assert gate.ask("/ops/kept/", by="root").status == 200


@pytest.mark.parametrize(
    "name", ["X-WEBAUTH-USER", "X_Webauth_User", "Remote-User", "x-webauth-role", "X-Forwarded-User"]
)
@pytest.mark.parametrize("service", ["flower", "grafana", "strip"])
def test_accept_3__identities_of_clients_never_arrive(gate, service, name):
    """ACCEPT 3: a client's X-WEBAUTH-USER, X_Webauth_User, Remote-User never reach the upstream."""
    request = f"GET /ops/{service}/ HTTP/1.1\r\nHost: {NAME}\r\nCookie: sessionid={gate.sessions['ann']}\r\n"
    answer = gate.send(f"{request}{name}: intruder\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"intruder" not in gate.taken()[service]


def test_way__is_told_by_us(gate):
    headers = gate.ask("/ops/strip/", by="ann", X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="ftp").json()["headers"]
    assert (headers["host"], headers["x-forwarded-host"]) == (NAME, NAME)
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == (HOST, "http")
    assert headers["x-forwarded-prefix"] == "/ops/strip"


def test_accept_8__cookies_and_authorization_stay_here(gate):
    """ACCEPT 8: Cookie (Django session and CSRF) and Authorization are stripped."""
    gate.ask("/ops/flower/", by="ann", Cookie="csrftoken=secret; grafana_session=x", Authorization="Basic secret")
    received = gate.taken()["flower"]
    assert b"cookie" not in received.lower()
    assert b"secret" not in received
    assert gate.sessions["ann"].encode() not in received


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("grafana_session=1", "grafana_session=1"),
        ("a=b; grafana_session=1; c=d", "grafana_session=1"),
        ("grafana_session_expiry=2; grafana_session=1", "grafana_session=1; grafana_session_expiry=2"),
        ("xgrafana_session=1; grafana_sessionx=1; acb=3", None),
        ("a.b=c=d", "a.b=c=d"),
        ("Grafana_Session=1", None),
        ('x="; grafana_session=1', "grafana_session=1"),
    ],
)
def test_cookies__of_the_list_go_on(gate, sent, arrives):
    assert gate.ask("/ops/grafana/", by="ann", Cookie=sent).json()["headers"].get("cookie") == arrives


def test_name__as_long_as_it_may_be(gate):
    answer = gate.ask(f"/ops/{LONG}/x?y", by="ann", Cookie="b=2; c=3; a=1").json()
    assert (answer["target"], answer["headers"]["cookie"]) == (f"/ops/{LONG}/x?y", "a=1; b=2")


def test_password_of_the_ui__is_sent_by_us(gate):
    headers = gate.ask("/ops/locked/", by="ann", Authorization="Basic eDp5").json()["headers"]
    assert headers["authorization"] == "Basic YWRtaW46d29yZA=="
