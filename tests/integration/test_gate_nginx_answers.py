"""The gate as nginx and gunicorn run it: what comes back, from UIs and from those who are not let in."""

from __future__ import annotations

import socket
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.gates import NAME, Gate, site
from tests.integration.services import HOST, held_port, wait_until

OWN = f"http://{NAME}"


# what comes back ----------------------------------------------------------------------------------------------------


def test_accept_8__cookies_of_a_ui_without_any_are_dropped(gate):
    assert "Set-Cookie" not in gate.ask("/ops/flower/?h=Set-Cookie:a=b", by="ann").headers


def test_accept_8__cookies_of_a_ui_are_held_to_its_place(gate):
    """ACCEPT 8: Set-Cookie of the upstream is re-pathed."""
    cookie = "grafana_session=1; Path=/; Domain=example.com; HttpOnly".replace(" ", "%20")
    answer = gate.ask(f"/ops/grafana/?h=Set-Cookie:{cookie}", by="ann")
    assert answer.headers["Set-Cookie"] == f"grafana_session=1; Path=/ops/grafana/; Domain={NAME}; HttpOnly"


@pytest.mark.parametrize(
    ("path", "location", "expected"),
    [
        ("/ops/flower/", f"http://{HOST}:PORT/ops/flower/x", "/ops/flower/x"),
        ("/ops/flower/", f"http://{NAME}/ops/flower/x", "/ops/flower/x"),
        ("/ops/flower/", f"https://{NAME}/ops/flower/x", "/ops/flower/x"),
        ("/ops/flower/", "/ops/flower/x", "/ops/flower/x"),
        ("/ops/flower/", "x", "x"),
        ("/ops/flower/", "https://docs.example/", "https://docs.example/"),
        ("/ops/strip/", "/x?y", "/ops/strip/x?y"),
        ("/ops/strip/", f"http://{HOST}:PORT/x", "/ops/strip/x"),
        ("/ops/strip/", f"http://{NAME}/x", "/ops/strip/x"),
        ("/ops/strip/", f"http://{NAME}/ops/strip/x", "/ops/strip/x"),
        ("/ops/strip/", "/ops/strip/x", "/ops/strip/x"),
    ],
)
def test_accept_9__location_is_public(gate, path, location, expected):
    """ACCEPT 9: Location of the upstream is rewritten to the public prefix, and redirects are not followed."""
    answer = gate.ask(f"{path}?status=302&h=Location:{location.replace('?', '%3F')}", by="ann")
    assert (answer.status, answer.headers["Location"]) == (302, expected)
    assert len(gate.taken()) == 1


@pytest.mark.parametrize(
    "header",
    [
        "Access-Control-Allow-Origin:*",
        "Service-Worker-Allowed:/",
        "Clear-Site-Data:x",
        "WWW-Authenticate:Basic",
        "Strict-Transport-Security:max-age=0",
        "X-Ops-User:x",
        "Alt-Svc:x",
    ],
)
def test_header_of_a_ui__that_is_for_the_whole_site(gate, header):
    assert header.partition(":")[0] not in gate.ask(f"/ops/flower/?h={header}", by="ann").headers


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 403, 404, 500, 502, 503])
def test_status_of_a_ui__is_its_own(gate, status):
    assert gate.ask(f"/ops/flower/?status={status}", by="ann").status == status


def test_accept_10__ui_that_is_down(gate):
    """ACCEPT 10: upstream down 502. (nginx's own metrics tell of it, in its access log and its exporter.)"""
    assert gate.ask("/ops/down/", by="ann").status == 502


def test_accept_10__ui_that_is_slow(gate):
    """ACCEPT 10: upstream slow 504."""
    assert gate.ask("/ops/silent/", by="root").status == 504


def test_events__arrive_as_they_are_sent(gate):
    release = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _address = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n")
            release.wait(60)
            connection.sendall(b"data: second\n\n")

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        instead = {
            rf"http://{HOST}:{gate.upstreams['flower'].port}(?=\$)": f"http://{HOST}:{listener.getsockname()[1]}"
        }
        with gate.nginx(instead) as other, socket.create_connection((HOST, other.port), timeout=60) as client:
            cookie = f"Cookie: sessionid={gate.sessions['ann']}"
            client.sendall(f"GET /ops/flower/ HTTP/1.1\r\nHost: {NAME}\r\n{cookie}\r\n\r\n".encode())
            received = b""
            while b"data: first" not in received:
                received += client.recv(65536)
            assert b"data: second" not in received
            release.set()
            while b"data: second" not in received:
                received += client.recv(65536)
        thread.join()


# signing in ---------------------------------------------------------------------------------------------------------

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def way_back(answer) -> str:
    url = urlsplit(answer.headers["Location"])
    assert (answer.status, url.scheme, url.netloc, url.path) == (302, "", "", "/sign-in/")
    return parse_qs(url.query)["next"][0]


def test_accept_5__browser_is_sent_to_sign_in(gate):
    """ACCEPT 5: a browser gets 302 to LOGIN_URL with a safe `next`."""
    assert way_back(gate.ask("/ops/flower/a%2Fb?c=d&e=f", **BROWSER)) == "/ops/flower/a%2Fb?c=d&e=f"


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"Accept": "*/*"},
        {},
        {**BROWSER, "X_Requested_With": "XMLHttpRequest"},
        {**BROWSER, "Sec_Fetch_Mode": "cors"},
    ],
)
def test_accept_5__others_are_told_401(gate, headers):
    """ACCEPT 5: `Accept: application/json` or XHR plain 401."""
    answer = gate.ask("/ops/flower/", **headers)
    assert (answer.status, answer.headers.get("Location"), answer.body) == (401, None, b"")


def test_sign_in__of_a_form_leads_to_the_first_page(gate):
    assert way_back(gate.ask("/ops/flower/api", "POST", b"a=b", **BROWSER)) == "/ops/flower/"


@pytest.mark.parametrize("name", ["X-Original-URI", "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Host"])
def test_accept_4__forged_headers_change_nothing(gate, name):
    """ACCEPT 4: forged X-Original-URI and X-Forwarded-* change nothing."""
    forged = {name.replace("-", "_"): "//evil.example/"}
    assert way_back(gate.ask("/ops/flower/", **BROWSER, **forged)) == "/ops/flower/"
    assert gate.ask("/ops/closed/", by="ann", **forged).status == 403


def test_sign_in__and_back(gate):
    """From the first request to the UI, as a browser goes."""
    place = gate.ask("/ops/flower/tasks", **BROWSER).headers["Location"]
    page = gate.ask(place, **BROWSER)
    token = page.body.split(b'csrfmiddlewaretoken" value="')[1].split(b'"')[0].decode()
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    form = f"csrfmiddlewaretoken={token}&username=ann&password=word&next=/ops/flower/tasks".encode()
    headers = {"Cookie": cookie, "Content_Type": "application/x-www-form-urlencoded", "Referer": f"{OWN}/sign-in/"}
    answer = gate.ask(place, "POST", form, **headers)
    assert (answer.status, answer.headers["Location"]) == (302, "/ops/flower/tasks")
    session = next(
        value.partition(";")[0] for value in answer.headers.get_all("Set-Cookie") if value.startswith("sessionid")
    )
    assert gate.ask("/ops/flower/tasks", Cookie=session).status == 200


# losing it ----------------------------------------------------------------------------------------------------------


def shell(gate: Gate, code: str) -> None:
    """Do something to the database from another process."""
    gate.manage("shell", "--verbosity", "0", "-c", f"from django.contrib.auth.models import *\n{code}")


def test_revocation__signing_out_counts_at_once(gate_site, gate):
    shell(gate, "from django.contrib.sessions.models import Session; Session.objects.create(session_key='x' * 32,"
                f" session_data=Session.objects.get(session_key='{gate.sessions['ann']}').session_data,"
                f" expire_date=Session.objects.get(session_key='{gate.sessions['ann']}').expire_date)")  # fmt: skip
    cookie = {"Cookie": f"sessionid={'x' * 32}"}
    assert gate.ask("/ops/flower/", **cookie).status == 200
    shell(
        gate, "from django.contrib.sessions.models import Session; Session.objects.get(session_key='x' * 32).delete()"
    )
    assert gate.ask("/ops/flower/", **cookie).status == 401


def test_revocation__a_lost_permission_counts_within_the_stated_time(gate):
    assert gate.ask("/ops/strip/", by="ann").status == 200
    shell(
        gate, "User.objects.get(username='ann').user_permissions.remove(Permission.objects.get(codename='view_strip'))"
    )
    # 0.3 seconds are stated; the rest is this machine's
    wait_until(lambda: gate.ask("/ops/strip/", by="ann").status == 403, "the permission is lost", 5)
    shell(gate, "User.objects.get(username='ann').user_permissions.add(Permission.objects.get(codename='view_strip'))")
    wait_until(lambda: gate.ask("/ops/strip/", by="ann").status == 200, "the permission is back")


def test_revocation__of_another_process_counts_at_once():
    """However long rights are remembered: for a changed password, and for a permission that is lost."""
    with site({"flower": {}, "strip": {}}, TEST_CACHE_SECONDS="3600") as made, made.nginx() as gate:
        assert [gate.ask(f"/ops/{name}/", by="ann").status for name in ("flower", "strip")] == [200, 200]
        code = "user = User.objects.get(username='ann'); user.{}"
        shell(gate, code.format("user_permissions.remove(Permission.objects.get(codename='view_strip'))"))
        assert [gate.ask(f"/ops/{name}/", by="ann").status for name in ("flower", "strip")] == [200, 403]
        shell(gate, code.format("set_password('another'); user.save()"))
        assert gate.ask("/ops/flower/", by="ann").status == 401


# what is told of it -------------------------------------------------------------------------------------------------


def test_accept_15__decisions_are_counted(gate):
    """ACCEPT 15: ops_gate_decisions_total{service,decision}."""
    gate.ask("/ops/closed/", by="ann")
    gate.ask("/ops/closed/")
    gate.ask("/ops/closed/", by="root")
    metrics = gate.ask("/metrics").body.decode()
    for decision in ("no-permission", "anonymous", "allowed"):
        assert f'ops_gate_decisions_total{{service="closed",decision="{decision}"}}' in metrics or (
            f'ops_gate_decisions_total{{decision="{decision}",service="closed"}}' in metrics
        )


def test_refusal__is_a_line(gate):
    gate.ask("/ops/closed/", by="bob")
    assert "The gate to closed is shut: no-permission." in gate.log.read_text()


def test_django_away__is_503(gate_site):
    with gate_site.nginx(
        {r"set \$ops_gate_application .*;": f"set $ops_gate_application http://{HOST}:{held_port()};"}
    ) as gate:
        assert gate.ask("/ops/flower/", by="ann").status == 503
        assert gate.taken() == {}


def test_page__lists_what_its_reader_may_open(gate):
    page = gate.ask("/ops/", by="ann", X_Forwarded_Proto="https").body.decode()
    assert 'href="/ops/flower/"' in page
    assert 'href="/ops/closed/"' not in page


def test_page__tells_health(gate):
    def states() -> dict[str, str]:
        page = gate.ask("/ops/", by="ann").body.decode()
        return {
            name: page.split(f'href="/ops/{name}/"')[1].split('data-state="')[1].split('"')[0]
            for name in ("flower", "down", "silent")
        }

    # a UI that takes more than a second once is slow for five
    wanted = {"flower": "up", "down": "down", "silent": "slow"}
    wait_until(lambda: states() == wanted, f"the states are {wanted}", 60)


def test_page__is_linked_from_the_admin(gate):
    assert "/admin/ops_gate/gate/" in gate.ask("/admin/", by="root").body.decode()
    answer = gate.ask("/admin/ops_gate/gate/", by="root")
    assert (answer.status, answer.headers["Location"]) == (302, "/ops/")


def test_configuration__check_finds_a_difference(gate, tmp_path):
    file = tmp_path / "http.conf"
    file.write_text(gate.manage("ops_gate_nginx", "http"))
    assert gate.manage("ops_gate_nginx", "http", "--check", str(file)) == ""
