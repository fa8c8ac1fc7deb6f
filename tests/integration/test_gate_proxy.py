"""Proxy mode with a real uvicorn and a real UI: who gets in, and what passes both ways."""

from __future__ import annotations

import gzip

import pytest

from tests.integration.proxy_site.processes import Browser, Site, ask
from tests.integration.services import HOST, wait_until

HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture(scope="module")
def root(proxy_site: Site) -> Browser:
    return proxy_site.sign_in("root")


@pytest.fixture(scope="module")
def nobody(proxy_site: Site) -> Browser:
    return Browser(proxy_site)


# Who gets in --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "status"), [("root", 200), ("ada", 200), ("eve", 403)])
def test_a_permission_opens_a_ui__accept_1(proxy_site, kind, status):
    assert proxy_site.sign_in(kind).get("/ops/ui/").status == status


def test_nobody_is_told_401__accept_1(nobody):
    answer = nobody.get("/ops/ui/")
    assert (answer.status, answer.all("Location")) == (401, [])


def test_a_session_that_is_made_up_is_nobodys(proxy_site):
    forger = Browser(proxy_site)
    forger.cookie = "sessionid=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    assert forger.get("/ops/ui/").status == 401


def test_an_inactive_user_is_nobody__accept_2(proxy_site):
    ada = proxy_site.sign_in("ada")
    ask(proxy_site.port, "GET", f"/deactivate/{ada.username}")
    assert ada.get("/ops/ui/").status == 401


@pytest.mark.parametrize(
    ("target", "way_back"),
    [
        ("/ops/ui/tasks?limit=10&sort=name", "/ops/ui/tasks%3Flimit%3D10%26sort%3Dname"),
        ("/ops/ui/", "/ops/ui/"),
        ("/ops/ui//evil.example", "/ops/ui/"),
        ("/ops/ui/..%2f..%2fadmin", "/ops/ui/"),
    ],
)
def test_a_browser_is_sent_to_sign_in__accept_5(nobody, target, way_back):
    answer = nobody.get(target, **HTML)
    assert (answer.status, answer.all("Location")) == (302, [f"/accounts/login/?next={way_back}"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {"Accept": "*/*"},
        HTML | {"X_Requested_With": "XMLHttpRequest"},
        HTML | {"Sec_Fetch_Mode": "cors"},
    ],
)
def test_a_program_is_told_401__accept_5(nobody, headers):
    assert nobody.get("/ops/ui/", **headers).status == 401


@pytest.mark.parametrize("path", ["/ops/ui/", "/ops/down/", "/ops/ui/../large/"])
def test_strangers_learn_nothing_of_what_is_behind(nobody, path):
    assert nobody.get(path).status == 401


def test_a_null_byte_is_a_bad_request_whoever_asks(nobody, root):
    """Answered before anybody asks who that is."""
    assert [visitor.get("/ops/ui/%00").status for visitor in (nobody, root)] == [400, 400]


def test_an_unknown_service_is_not_found__accept_12(root):
    assert root.get("/ops/nothing/").status == 404


@pytest.mark.parametrize(
    "path",
    ["/ops/127.0.0.1:22/", "/ops/http://127.0.0.1/", "/ops/UI/", "/ops/ui%2f/", "/ops/ui@evil.example/", "/ops//ui/"],
)
def test_a_path_names_no_upstream__accept_12(proxy_site, root, path):
    before = proxy_site.told()["requests"]
    assert root.get(path).status in (400, 404)
    assert proxy_site.told()["requests"] == before + 1  # the question itself


@pytest.mark.parametrize(
    "path",
    [
        "/ops/ui/../large/", "/ops/ui/%2e%2e/large/", "/ops/ui/..%2flarge/", "/ops/ui/%252e%252e/large/",
        "/ops/ui/..;/large/", "/ops/ui/..\\large/", "/ops/ui//large/", "/ops/ui/.", "/ops/ui/a/..", "/ops/ui/x%00",
        "/ops/ui/%0d%0aX:y",
    ],
)  # fmt: skip
def test_a_path_that_may_mean_two_is_refused__accept_4(proxy_site, root, path):
    before = proxy_site.told()["requests"]
    assert root.get(path).status in (400, 404)
    assert proxy_site.told()["requests"] == before + 1


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/ops/ui/echo", "//127.0.0.1:1/ops/ui/echo", "/ops/ui/echo#/../y"]
)
def test_a_target_in_another_form_reaches_nothing_else__accept_4(root, target):
    answer = root.raw(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {root.cookie}\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " not in head.partition(b"\r\n")[0] or b'"target": "/ops/ui/echo"' in body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/"},
        {},
    ],
)
def test_another_sites_page_changes_nothing__accept_6(proxy_site, root, method, headers):
    before = proxy_site.told()["requests"]
    assert ask(proxy_site.port, method, "/ops/ui/echo", b"", root.headers | headers).status == 403
    assert proxy_site.told()["requests"] == before + 1


@pytest.mark.parametrize("header", ["Origin", "Referer"])
def test_a_page_of_the_site_changes_something__accept_6(proxy_site, root, header):
    answer = ask(proxy_site.port, "POST", "/ops/ui/echo", b"a=b", root.headers | {header: root.origin})
    assert (answer.status, answer.json["method"], answer.json["body"]) == (200, "POST", "a=b")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "FOO"])
def test_other_methods_do_not_pass(root, method):
    answer = root.raw(
        f"{method} /ops/ui/echo HTTP/1.1\r\nHost: {HOST}\r\nCookie: {root.cookie}\r\nConnection: close\r\n\r\n"
    )
    assert answer.split(b" ", 2)[1] in (b"400", b"405")


def test_another_host_is_refused(root):
    assert root.get("/ops/ui/", Host="evil.example").status == 400


# What the UI is sent ------------------------------------------------------------------------------------------------


def test_the_ui_is_told_who_is_there(proxy_site):
    ada = proxy_site.sign_in("ada")
    answer = ada.get("/ops/ui/echo")
    identity = [answer.upstream_header(f"x-webauth-{fact}") for fact in ("user", "email", "role")]
    assert identity == [[ada.username], [f"{ada.username}@site.example"], ["Viewer"]]


def test_the_first_role_that_fits_counts(root):
    assert root.get("/ops/ui/echo").upstream_header("X-WEBAUTH-ROLE") == ["Admin"]


def test_a_ui_that_does_not_ask_is_told_nothing(root):
    names = {name for name, _ in root.get("/ops/stripped/echo").upstream_headers}
    assert not {name for name in names if "webauth" in name or "ops" in name}


@pytest.mark.parametrize(
    "name", ["X-WEBAUTH-USER", "x-webauth-user", "X_Webauth_User", "Remote-User", "X-Forwarded-User", "X-Ops-User"]
)
@pytest.mark.parametrize("service", ["ui", "stripped"])
def test_nobody_is_somebody_else__accept_3(proxy_site, root, service, name):
    answer = ask(proxy_site.port, "GET", f"/ops/{service}/echo", headers=root.headers | {name: "forged"})
    assert answer.status == 200
    assert "forged" not in answer.body.decode()


@pytest.mark.parametrize(
    "name",
    ["X-Original-URI", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL"],
)
def test_forged_forwarding_changes_nothing__accept_4(proxy_site, root, name):
    answer = ask(proxy_site.port, "GET", "/ops/ui/echo", headers=root.headers | {name: "/ops/large/forged"})
    assert answer.json["target"] == "/ops/ui/echo"
    assert "forged" not in answer.body.decode()


def test_credentials_stay_here__accept_8(root):
    root_with_more = Browser(root.site)
    root_with_more.cookie = f"{root.cookie}; ui_session=mine; other=1"
    answer = root_with_more.get("/ops/ui/echo", Authorization="Basic c2VjcmV0")
    assert answer.upstream_header("Cookie") == ["ui_session=mine"]
    assert answer.upstream_header("Authorization") == []


def test_the_ui_is_sent_its_own_password(root):
    answer = root.get("/ops/locked/echo", Authorization="Basic c2VjcmV0")
    assert answer.upstream_header("Authorization") == ["Basic b3BzOmxldC1tZS1pbg=="]  # ops:let-me-in


def test_what_is_for_the_hop_stays_here__accept_8(root):
    headers = {"TE": "trailers", "Keep_Alive": "timeout=5", "Connection": "close, X-Private", "X_Private": "1"}
    answer = root.get("/ops/ui/echo", **headers, X_Kept="1")
    names = {name for name, _ in answer.upstream_headers}
    assert not names & {"te", "keep-alive", "x-private", "upgrade", "transfer-encoding"}
    assert answer.upstream_header("X-Kept") == ["1"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/ops/ui/echo?a=%20b&c=/../d", "/ops/ui/echo?a=%20b&c=/../d"),
        ("/ops/ui/a%2Fb/%E2%82%AC", "/ops/ui/a%2Fb/%E2%82%AC"),
        ("/ops/stripped/echo?x", "/echo?x"),
        ("/ops/stripped/", "/"),
    ],
)
def test_the_path_is_sent_as_it_came(root, path, target):
    assert root.get(path).json["target"] == target


def test_the_request_id_is_that_of_our_line(root):
    answer = root.get("/ops/ui/echo")
    assert answer.upstream_header("X-Request-ID") == answer.all("X-Request-ID")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_methods_pass(root, method):
    answer = root.send(method, "/ops/ui/echo")
    assert answer.status == 200
    assert answer.body == b"" if method == "HEAD" else answer.json["method"] == method


# What comes back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 201, 204, 304, 400, 401, 403, 404, 418, 500, 503])
def test_the_status_comes_back(root, code):
    assert root.get(f"/ops/ui/status?code={code}").status == code


def test_what_is_compressed_stays_so(root):
    answer = root.get("/ops/ui/compressed")
    assert answer.all("Content-Encoding") == ["gzip"]
    assert gzip.decompress(answer.body) == b"small when compressed" * 100


def test_an_error_of_the_ui_is_none_of_django(proxy_site, root):
    request_id = root.get("/ops/ui/status?code=500").one("X-Request-ID")
    assert proxy_site.loggers_of(request_id) == ["django_ops.request"]


def test_what_is_for_the_hop_or_the_site_stays_there__accept_8(root):
    answer = root.get("/ops/ui/hop")
    hidden = ("Keep-Alive", "X-Private", "Proxy-Authenticate", "Strict-Transport-Security", "X-WEBAUTH-USER")
    assert [answer.all(name) for name in (*hidden, "Access-Control-Allow-Origin")] == [[]] * 6
    assert answer.all("Server") == ["uvicorn"]
    assert answer.all("X-Kept") == ["1"]
    assert set(answer.one("Vary").replace(" ", "").split(",")) >= {"Accept", "Origin"}


def test_cookies_are_re_pathed_and_django_s_own_are_not_set__accept_8(root):
    assert root.get("/ops/ui/cookies").all("Set-Cookie") == [
        "ui_session=one; HttpOnly; Path=/ops/ui/",
        "ui_session=two; Path=/ops/ui/api",
    ]


def test_a_ui_without_cookies_sets_none__accept_8(root):
    assert root.get("/ops/stripped/cookies").all("Set-Cookie") == []


@pytest.mark.parametrize(
    ("service", "to", "public"),
    [
        ("ui", "http://127.0.0.1:{port}/ops/ui/login", "/ops/ui/login"),
        ("ui", "/login?next=/", "/ops/ui/login?next=/"),
        ("ui", "https://docs.example/", "https://docs.example/"),
        ("stripped", "/login", "/ops/stripped/login"),
        ("stripped", "http://127.0.0.1:{port}/x", "/ops/stripped/x"),
    ],
)
def test_redirects_are_re_pathed_and_not_followed__accept_9(proxy_site, root, service, to, public):
    before = proxy_site.told().get("redirects", 0)
    answer = root.get(f"/ops/{service}/redirect?to={to.format(port=proxy_site.upstream.port)}")
    assert (answer.status, answer.all("Location")) == (302, [public])
    assert proxy_site.told()["redirects"] == before + 1


# What goes wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/ops/down/", 502, ("down", "unreachable")),
        ("/ops/hasty/slow?seconds=30", 504, ("hasty", "timeout")),
    ],
)
def test_a_ui_that_does_not_answer__accept_10(proxy_site, root, path, status, error):
    labels = {"service": error[0], "error": error[1]}
    by_status = {"status": str(status)}
    counted = lambda: (  # noqa: E731
        proxy_site.metric("ops_gate_upstream_errors_total", **labels),
        proxy_site.metric("django_http_responses_total_by_status_total", **by_status),
    )
    before = counted()
    assert root.get(path).status == status
    # the response is counted after it was sent
    wait_until(lambda: counted() == (before[0] + 1, before[1] + 1), "both are counted, once")


def test_a_ui_that_does_not_answer__is_told_once(proxy_site, root):
    request_id = root.get("/ops/down/").one("X-Request-ID")
    assert proxy_site.loggers_of(request_id) == ["django_ops.access.gate", "django_ops.request"]


def test_decisions_are_counted__accept_15(proxy_site, root, nobody):
    counted = lambda decision: proxy_site.metric(  # noqa: E731
        "ops_gate_decisions_total", service="ui", decision=decision
    )
    before = counted("allowed"), counted("anonymous")
    root.get("/ops/ui/echo")
    nobody.get("/ops/ui/echo")
    assert (counted("allowed"), counted("anonymous")) == (before[0] + 1, before[1] + 1)
