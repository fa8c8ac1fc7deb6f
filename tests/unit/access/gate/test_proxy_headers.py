"""Which headers go on to a UI, and which come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.access.gate import nginx_headers
from django_ops.access.gate.proxy_headers import Cookie, Front, identity_names, request_headers, response_headers
from django_ops.access.gate.registry import Service, parse
from tests.each import each

SERVICES = parse(
    {
        "flower": {"upstream": "http://flower:5555", "cookies": ["flower_session", "__Host-flower", "_xsrf"]},
        "grafana": {
            "upstream": "http://grafana:3000",
            "user_header": "X-WEBAUTH-USER",
            "email_header": "Whose-Mail",
            "role_header": "Grafana-Role",
        },
        "plain": {"upstream": "http://plain", "keep_prefix": False},
    },
    "/ops/",
)
FLOWER, GRAFANA, PLAIN = SERVICES.values()
FRONT = Front("site.example:8443", "https", "203.0.113.7", "id-1")
NAMES = identity_names(SERVICES.values())


def sent(received: list[tuple[str, str]], service: Service = FLOWER, identity: dict[str, str] | None = None):
    """Return what a UI is sent, by lower-case name."""
    pairs = request_headers(received, service, FRONT, identity=identity or {}, identity_names=NAMES)
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return found


def seen(received: list[tuple[str, str]], service: Service = FLOWER, front: Front = FRONT) -> dict[str, str]:
    """Return what the browser is sent, by lower-case name, of which each may be there once."""
    answer = response_headers(received, service, front, identity_names=NAMES)
    found = {name.lower(): value for name, value in answer.headers}
    assert len(found) == len(answer.headers)
    return found


def cookies(*headers: str, service: Service = FLOWER, scheme: str = "http") -> list[Cookie]:
    received = [("Set-Cookie", header) for header in headers]
    return response_headers(received, service, FRONT._replace(scheme=scheme), identity_names=NAMES).cookies


OURS = ("host", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "x-request-id")


def test_request_headers__say_how_the_site_is_seen_from_outside():
    assert sent([]) == {
        "host": ["site.example:8443"],
        "x-forwarded-host": ["site.example:8443"],
        "x-forwarded-proto": ["https"],
        "x-forwarded-for": ["203.0.113.7"],
        "x-request-id": ["id-1"],
    }


def test_request_headers__name_the_prefix_to_those_who_do_not_see_it():
    assert sent([], PLAIN)["x-forwarded-prefix"] == ["/ops/plain"]


def test_request_headers__without_a_known_client():
    pairs = request_headers([], FLOWER, FRONT._replace(client_address=""), identity={}, identity_names=NAMES)
    assert "X-Forwarded-For" not in dict(pairs)


@each(
    "name",
    ["Accept", "Accept-Encoding", "Content-Type", "If-None-Match", "Range", "Origin", "Referer", "User-Agent",
     "kbn-xsrf", "X-Grafana-Org-Id", "X-Requested-With", "traceparent", "Last-Event-ID", "Sec-Fetch-Site"],
)  # fmt: skip
def test_request_headers__keep_what_is_the_clients_to_say(name):
    assert sent([(name, "value")])[name.lower()] == ["value"]


def test_request_headers__keep_each_of_several():
    assert sent([("Accept", "a"), ("Accept", "b")])["accept"] == ["a", "b"]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
@each(
    "name",
    # acceptance 3: of every UI, not only of this one, in all spellings
    ["X-WEBAUTH-USER", "x-webauth-user", "X_Webauth_User", "X-Webauth_User", "X-WEBAUTH-ROLE", "Whose-Mail",
     "WHOSE-MAIL", "Whose_Mail", "Grafana-Role", "Remote-User", "remote-user", "REMOTE_USER", "Remote-Groups",
     "X-Remote-User", "X-Ops-User", "x_ops_user", "X-Ops-Role", "X-Forwarded-User", "X-Forwarded-Email",
     "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Auth-Request-User",
     "X-Auth-Request-Email", "X-Authentik-Username", "X-User", "X-Email", "Ssl-Client-Verify",
     "X-SSL-Client-Cert", "X-Client-Cert", "X-Goog-Authenticated-User-Email", "X-Amzn-Oidc-Identity",
     "Tailscale-User-Login", "Cf-Access-Jwt-Assertion", "X-JWT-Assertion", "X-Webauth.User", "X-Webauth User",
     "X-Webauth-User ", "\u212aey"],
)  # fmt: skip
def test_request_headers__nobody_can_say_who_they_are__accept_3(service, name):
    assert set(sent([(name, "root")], service)) <= {*OURS, "x-forwarded-prefix"}


@each(
    "name",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Uri", "X-Forwarded",
     "Forwarded", "X-Original-URI", "X-Original-URL", "X-Original-Method", "X-Rewrite-URL", "X-Real-IP",
     "True-Client-IP", "X-HTTP-Method-Override", "X-Accel-Redirect", "Via", "X-Scheme", "X-Request-ID", "Host"],
)  # fmt: skip
def test_request_headers__nobody_can_say_how_they_came__accept_4(name):
    assert sent([(name, "forged")]) == sent([])


def test_request_headers__credentials_stay_here__accept_8():
    received = [
        ("Authorization", "Basic x"),
        ("Proxy-Authorization", "Basic x"),
        ("Cookie", "sessionid=secret; csrftoken=x"),
    ]
    assert sent(received) == sent([])


@each(
    "name",
    ["Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings",
     "Expect", "Content-Length"],
)  # fmt: skip
def test_request_headers__of_the_hop_stay_here__accept_8(name):
    assert sent([(name, "x")]) == sent([])


def test_request_headers__what_connection_names_stays_here():
    received = [("Connection", "close, X-Private"), ("X-Private", "1"), ("connection", "Accept"), ("Accept", "a")]
    assert sent(received) == sent([])


def test_request_headers__connection_cannot_name_ours():
    received = [("Connection", "X-WEBAUTH-USER, X-Forwarded-For, Host")]
    assert sent(received, GRAFANA, {"X-WEBAUTH-USER": "ada"}) == {**sent([]), "x-webauth-user": ["ada"]}


def test_request_headers__identity_is_there_once():
    received = [("X-WEBAUTH-USER", "root"), ("x-webauth-user", "root")]
    assert sent(received, GRAFANA, {"X-WEBAUTH-USER": "ada"})["x-webauth-user"] == ["ada"]


@pytest.mark.parametrize("value", ["a\r\nX-WEBAUTH-USER: root", "a\nb", "a\x00b"])
def test_request_headers__without_what_would_be_two_lines(value):
    assert sent([("Accept", value)]) == sent([])


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("sessionid=secret; flower_session=a; csrftoken=b", ["flower_session=a"]),
        ("flower_session=a; _xsrf=2|b|c; other=1", ["flower_session=a; _xsrf=2|b|c"]),
        ("Flower_Session=a", []),
        ("flower_session", []),
        ("=flower_session=a", []),
        ('flower_session="; sessionid=secret; z="', ['flower_session="']),
        ("flower_session=a\x0b; _xsrf=b", ["_xsrf=b"]),
        ("flower_session=é", []),
        ("", []),
    ],
)
def test_request_headers__cookies_are_those_of_the_ui__accept_8(cookie, expected):
    assert sent([("Cookie", cookie)]).get("cookie", []) == expected


def test_request_headers__cookies_of_several_lines():
    assert sent([("cookie", "flower_session=a"), ("Cookie", "_xsrf=b; x=y")])["cookie"] == ["flower_session=a; _xsrf=b"]


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=8))
def test_request_headers__nothing_the_client_sends_becomes_ours(received):
    headers = sent(received, GRAFANA, {"X-WEBAUTH-USER": "ada"})
    assert headers["x-webauth-user"] == ["ada"]
    assert headers["host"] == ["site.example:8443"]
    assert "cookie" not in headers


@each(
    "name",
    ["Content-Type", "Content-Length", "Content-Encoding", "Content-Range", "ETag", "Last-Modified", "Vary", "Link",
     "Content-Security-Policy", "X-Frame-Options", "Content-Disposition", "Retry-After", "kbn-name"],
)  # fmt: skip
def test_response_headers__keep_what_describes_the_page(name):
    assert seen([(name, "1")])[name.lower()] == "1"


@each(
    "name",
    ["Connection", "Keep-Alive", "Proxy-Authenticate", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Connection"],
)
def test_response_headers__of_the_hop_stay_here__accept_8(name):
    assert seen([(name, "x")]) == seen([])


def test_response_headers__what_connection_names_stays_here():
    assert seen([("Connection", "X-Private"), ("X-Private", "1")]) == seen([])


@each(
    "name",
    ["Server", "Date", "Strict-Transport-Security", "Alt-Svc", "Clear-Site-Data", "Service-Worker-Allowed", "NEL",
     "Report-To", "Public-Key-Pins", "WWW-Authenticate", "Access-Control-Allow-Origin",
     "Access-Control-Allow-Credentials", "X-Accel-Redirect", "X-Sendfile", "X-Ops-User", "X-WEBAUTH-USER", "Whose-Mail",
     "Remote-User", "X-Request-ID", "Set-Cookie2", "Sec-WebSocket-Accept", "Surrogate-Control"],
)  # fmt: skip
def test_response_headers__a_ui_does_not_speak_for_the_site(name):
    assert seen([(name, "x")]) == seen([])


def test_response_headers__several_are_one():
    assert seen([("Vary", "Accept"), ("vary", "Cookie")])["vary"] == "Accept, Cookie"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "private"),
        (["public, max-age=31536000, immutable"], "max-age=31536000, immutable, private"),
        (["max-age=60", "s-maxage=600"], "max-age=60, private"),
        (["no-store"], "no-store"),
        (["Private"], "Private"),
        (["no-cache"], "no-cache, private"),
        (['private="Set-Cookie"'], 'private="Set-Cookie", private'),  # the rest of it may be shared
    ],
)
def test_response_headers__shared_caches_keep_nothing(values, expected):
    assert seen([("Cache-Control", value) for value in values])["cache-control"] == expected


def test_response_headers__redirect_is_re_pathed__accept_9():
    assert seen([("Location", "http://flower:5555/login")])["location"] == "/ops/flower/login"


def test_response_headers__redirect_to_nowhere_is_none():
    assert "location" not in seen([("Location", "javascript:alert(1)")])


def test_response_headers__of_two_redirects_the_first():
    assert seen([("Location", "/a"), ("Location", "/b")])["location"] == "/ops/flower/a"


def test_response_headers__refresh_and_content_location_are_re_pathed():
    headers = seen([("Refresh", "1; url=/x"), ("Content-Location", "/y")])
    assert (headers["refresh"], headers["content-location"]) == ("1; url=/ops/flower/x", "/ops/flower/y")


@each("name", ["sessionid", "csrftoken", "messages", "", "FLOWER_SESSION", "flower_session2"])
def test_cookies__a_ui_sets_only_its_own__accept_8(name):
    assert cookies(f"{name}=1; Path=/") == []


@pytest.mark.parametrize(
    ("path", "public"),
    [
        ("; Path=/", "/ops/flower/"),
        ("", "/ops/flower/"),
        ("; path=/ops/flower/api", "/ops/flower/api"),
        ("; Path=/api", "/ops/flower/api"),
        ("; Path=/admin/", "/ops/flower/admin/"),
        ("; Path=api", "/ops/flower/"),
        ("; Path=/a; Path=/b", "/ops/flower/b"),
    ],
)
def test_cookies__are_re_pathed__accept_8(path, public):
    assert cookies(f"flower_session=1{path}") == [Cookie("flower_session", "1", {"path": public})]


def test_cookies__are_of_this_host_alone():
    (cookie,) = cookies("flower_session=1; Domain=example; Path=/ops/flower/")
    assert cookie.attributes == {"path": "/ops/flower/"}


def test_cookies__keep_their_attributes():
    (cookie,) = cookies(
        "flower_session=1; Path=/ops/flower/; Max-Age=60; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly; Secure;"
        " SameSite=Strict"
    )
    assert cookie.attributes == {
        "path": "/ops/flower/",
        "max-age": "60",
        "expires": "Wed, 21 Oct 2026 07:28:00 GMT",
        "httponly": True,
        "secure": True,
        "samesite": "Strict",
    }


def test_cookies__are_not_for_other_sites():
    (cookie,) = cookies("flower_session=1; SameSite=None; Secure")
    assert cookie.attributes["samesite"] == "Lax"


def test_cookies__are_secure_where_the_site_is():
    (cookie,) = cookies("flower_session=1", scheme="https")
    assert cookie.attributes["secure"] is True


def test_cookies__for_the_whole_host_are_refused():
    assert cookies("__Host-flower=1; Secure; Path=/", scheme="https") == []


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: sessionid=x", "é", "a\x00", "a\x7f"])
def test_cookies__with_odd_values_are_refused(value):
    assert cookies(f"flower_session={value}") == []


def test_cookies__several_of_one_name_stay_several():
    assert [cookie.attributes["path"] for cookie in cookies("_xsrf=1; Path=/a", "_xsrf=2; Path=/b")] == [
        "/ops/flower/a",
        "/ops/flower/b",
    ]


# What nginx knows by name, the proxy must know as well ----------------------------------------------------------------


@each("name", nginx_headers.IDENTITY_HEADERS + nginx_headers.FORWARDING_HEADERS)
def test_request_headers__what_nginx_drops_does_not_pass(name):
    assert sent([(name, "forged")]) == sent([])


@each("name", nginx_headers.HIDDEN_RESPONSE_HEADERS)
def test_response_headers__what_nginx_hides_does_not_pass(name):
    assert seen([(name, "x")]) == seen([])
