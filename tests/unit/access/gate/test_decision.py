"""Who may pass: by what they may do, and by whose page asks."""

import quopri
import re
from dataclasses import replace
from email.utils import parseaddr
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.access.gate.decision import Ask, Person, Reason, decide, encode, origin_of, own_origins, refusal
from django_ops.access.gate.registry import parse
from tests.each import each

FLOWER = parse({"flower": {"upstream": "http://flower:5555"}}, "/ops/")["flower"]
GRAFANA = parse(
    {
        "grafana": {
            "upstream": "http://grafana:3000",
            "user_header": "X-WEBAUTH-USER",
            "email_header": "X-WEBAUTH-EMAIL",
            "role_header": "X-WEBAUTH-ROLE",
            "websocket": True,
        }
    },
    "/ops/",
)["grafana"]
ANN = Person(key="1", username="ann", email="ann@example.com", may_open=True, role="Admin")
OWN = own_origins("https", "ops.example.com", ["https://intranet.example.org", "https://*.example.net:8443"])
GET = Ask("GET", own_origins=OWN)
POST = Ask("POST", own_origins=OWN)


def reason(ask, service=FLOWER, person=ANN):
    return decide(service, person, ask).reason


# who ----------------------------------------------------------------------------------------------------------------


def test_nobody__is_401():
    """ACCEPT 1: anonymous 401, never a redirect."""
    decision = decide(FLOWER, None, GET)
    assert (decision.status, decision.reason, dict(decision.headers)) == (401, Reason.ANONYMOUS, {})


def test_nobody__is_401_whatever_is_asked():
    assert decide(FLOWER, None, replace(POST, sec_fetch_site="cross-site")).status == 401


def test_permission__is_204():
    """ACCEPT 1: a superuser, or whoever has the permission, 2xx."""
    assert (decide(FLOWER, ANN, GET).status, reason(GET)) == (204, Reason.ALLOWED)


def test_no_permission__is_403():
    """ACCEPT 1: signed in without it 403."""
    decision = decide(FLOWER, replace(ANN, may_open=False), GET)
    assert (decision.status, decision.reason) == (403, Reason.NO_PERMISSION)


RESERVING = replace(GRAFANA, reserved_names=("admin", "grafana!administrator", "Admin@localhost"))


@pytest.mark.parametrize(
    "name",
    ["admin", "ADMIN", "\uff41dmin", "ádmin", "ad\u200bmin", " admin\t", "Grafana!Administrator", "admin@LOCALHOST",
     "x <admin@localhost>", '"admin"@localhost', "admin @ localhost", "admin@localhost (x)", "a\\dmin"],
)  # fmt: skip
@pytest.mark.parametrize("fact", ["username", "email"])
def test_reserved_name__is_403(name, fact):
    """Whoever is told to the UI by a name of its own would be its own account."""
    person = replace(ANN, **{fact: name})
    assert decide(RESERVING, person, GET).reason is Reason.RESERVED_NAME
    assert decide(replace(RESERVING, user_header="", email_header=""), person, GET).status == 204


@pytest.mark.parametrize("name", ["administrator", "ann", "admin.ann", "=61dmin", "adm%69n", "admin@localhos"])
def test_reserved_name__is_none_of_others(name):
    decision = decide(RESERVING, replace(ANN, username=name), GET)
    assert decision.status == 204
    assert unquote(decision.headers["X-Ops-User"]) == name


@given(st.text())
def test_reserved_name__however_it_is_written_is_none_for_the_ui(name):
    """What passes is not the reserved name for a UI that ignores case, or reads an address out of it."""
    if decide(RESERVING, replace(ANN, username=name or "x"), GET).status == 204:
        assert {name.lower(), name.casefold(), parseaddr(name.lower())[1]}.isdisjoint(
            {"admin", "grafana!administrator", "admin@localhost"}
        )


@pytest.mark.parametrize("reason", Reason)
def test_refusal__is_a_sentence_for_a_header(reason):
    assert re.fullmatch(r"[A-Z][ !#-~]+[.]", refusal(reason))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "get", ""])
def test_change_permission__without_it_nothing_is_changed(method):
    reader = replace(ANN, may_change=False)
    assert reason(replace(POST, method=method, sec_fetch_site="same-origin"), person=reader) is Reason.NO_PERMISSION
    assert reason(GET, person=reader) is Reason.ALLOWED


def test_change_permission__without_it_there_is_no_websocket():
    ask = replace(GET, is_websocket=True, sec_fetch_site="same-origin")
    assert reason(ask, GRAFANA) is Reason.ALLOWED
    assert reason(ask, GRAFANA, replace(ANN, may_change=False)) is Reason.NO_PERMISSION


def test_host__that_is_not_ours():
    assert reason(replace(GET, host_is_known=False)) is Reason.FOREIGN_HOST


# what, and from whose page ------------------------------------------------------------------------------------------

UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "Get", "GET ", "GET,POST", ""]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_method__needs_no_origin(method):
    assert reason(replace(GET, method=method)) is Reason.ALLOWED


@each("method", UNSAFE)
def test_unsafe_method__without_any_origin(method):
    assert reason(replace(GET, method=method)) is Reason.NO_ORIGIN


@pytest.mark.parametrize("site", ["same-origin", "none"])
@each("method", UNSAFE)
def test_unsafe_method__from_our_own_page(method, site):
    assert reason(replace(GET, method=method, sec_fetch_site=site)) is Reason.ALLOWED


@pytest.mark.parametrize(
    "site", ["cross-site", "same-site", "Same-Origin", "same-origin, cross-site", "same-origin,same-origin", "x", " "]
)
def test_unsafe_method__from_another_site(site):
    """ACCEPT 6: an unsafe method with Sec-Fetch-Site: cross-site 403."""
    assert reason(replace(POST, sec_fetch_site=site)) is Reason.FOREIGN_ORIGIN


def test_sec_fetch_site__counts_before_an_origin_that_looks_right():
    ask = replace(POST, sec_fetch_site="cross-site", origin="https://ops.example.com")
    assert reason(ask) is Reason.FOREIGN_ORIGIN


@pytest.mark.parametrize("header", ["origin", "referer"])
@each(
    "origin",
    [
        "https://ops.example.com", "https://ops.example.com:443", "https://OPS.example.com",
        "https://intranet.example.org", "https://a.example.net:8443", "https://a.b.example.net:8443",
        "https://example.net:8443",
    ],
)  # fmt: skip
def test_origin__of_ours(header, origin):
    url = origin if header == "origin" else f"{origin}/ops/flower/?x=y"
    assert reason(replace(POST, **{header: url})) is Reason.ALLOWED


@pytest.mark.parametrize("header", ["origin", "referer"])
@each(
    "origin",
    [
        "null", "https://evil.example", "http://ops.example.com", "https://ops.example.com:8443",
        "https://ops.example.com.evil.example", "https://evil.example/https://ops.example.com",
        "https://ops.example.com@evil.example", "https://evil.example#@ops.example.com", "https://a.example.net",
        "http://a.example.net:8443", "https://evilexample.net:8443", "https://*.example.net:8443",
        "https://ops.example.com:x", "ops.example.com", "//ops.example.com", "https://", "https://[::1",
        "https://ops.example.com, https://evil.example", "file://ops.example.com", "https://ops.example.com\\@evil.example",
        "https://ops.example.com.",
    ],
)  # fmt: skip
def test_origin__of_others(header, origin):
    """ACCEPT 6: an unsafe method with a foreign Origin 403."""
    assert reason(replace(POST, **{header: origin})) is Reason.FOREIGN_ORIGIN


def test_origin__counts_before_a_referer_that_looks_right():
    ask = replace(POST, origin="null", referer="https://ops.example.com/")
    assert reason(ask) is Reason.FOREIGN_ORIGIN


def test_origin__nothing_is_ours():
    assert reason(replace(POST, own_origins=(), origin="https://ops.example.com")) is Reason.FOREIGN_ORIGIN


# websockets ---------------------------------------------------------------------------------------------------------


def test_websocket__of_a_service_without():
    assert reason(replace(GET, is_websocket=True, sec_fetch_site="same-origin")) is Reason.NO_WEBSOCKETS


def test_websocket__needs_an_origin():
    assert reason(replace(GET, is_websocket=True), GRAFANA) is Reason.NO_ORIGIN


def test_websocket__foreign_origin():
    """ACCEPT 11: a foreign Origin is refused."""
    ask = replace(GET, is_websocket=True, origin="https://evil.example")
    assert reason(ask, GRAFANA) is Reason.FOREIGN_ORIGIN


def test_websocket__own_origin():
    ask = replace(GET, is_websocket=True, origin="https://ops.example.com")
    assert reason(ask, GRAFANA) is Reason.ALLOWED


# the site's own origins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://example.com:80", "http://example.com"),
        ("https://example.com:443/x", "https://example.com"),
        ("https://example.com:80", "https://example.com:80"),
        ("HTTPS://Example.COM", "https://example.com"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[::1]", "http://[::1]"),
        ("http://user@example.com", None),
        ("javascript:alert(1)", None),
        ("http://exa*mple.com", None),
        ("http://example.com:99999", None),
        ("", None),
    ],
)
def test_origin_of__url(url, origin):
    assert origin_of(url) == origin


def test_own_origins__of_an_unknown_host():
    assert own_origins("https", "", ["https://a.example"]) == ("https://a.example",)


def test_own_origins__that_are_none():
    assert own_origins("https", "a", ["example.com", "https://*", "*", "https://*.example.com"]) == (
        "https://a",
        "https://*.example.com",
    )


@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_decide__never_raises(text, trusted):
    for name in ("origin", "referer", "sec_fetch_site", "method"):
        decide(FLOWER, ANN, replace(POST, own_origins=own_origins("http", text, trusted), **{name: text}))


# what the UI is told ------------------------------------------------------------------------------------------------


def test_headers__only_what_the_service_asks_for():
    assert dict(decide(FLOWER, ANN, GET).headers) == {}


def test_headers__of_a_service_that_asks():
    assert dict(decide(GRAFANA, ANN, GET).headers) == {
        "X-Ops-User": "ann",
        "X-Ops-Email": "ann@example.com",
        "X-Ops-Role": "Admin",
    }


def test_headers__what_is_empty_is_left_out():
    assert set(decide(GRAFANA, replace(ANN, email="", role=""), GET).headers) == {"X-Ops-User"}


@pytest.mark.parametrize("username", ["", "x" * 1025, "é" * 171])
def test_identity__that_cannot_be_told(username):
    assert reason(GET, GRAFANA, replace(ANN, username=username)) is Reason.UNUSABLE_IDENTITY


def test_identity__is_not_needed_where_nothing_is_told():
    assert reason(GET, FLOWER, replace(ANN, username="")) is Reason.ALLOWED


@pytest.mark.parametrize(
    ("value", "percent", "quoted"),
    [
        ("ann", "ann", "ann"),
        ("ann@example.com", "ann@example.com", "ann@example.com"),
        ("Ann Lee", "Ann Lee", "Ann Lee"),
        ("", "", ""),
        ("é", "%C3%A9", "=C3=A9"),
        ("%C3%A9", "%25C3%25A9", "%C3%A9"),
        ("=C3=A9", "=C3=A9", "=3DC3=3DA9"),
        (" ann", "%20ann", "=20ann"),
        ("ann\r\nX-Role: Admin", "ann%0D%0AX-Role:%20Admin", "ann=0D=0AX-Role:=20Admin"),
        ("a\x00b", "a%00b", "a=00b"),
    ],
)
def test_encode__value(value, percent, quoted):
    assert (encode(value, "percent"), encode(value, "quoted-printable")) == (percent, quoted)


@given(st.text(max_size=200))
def test_encode__can_be_read_back_and_is_printable(value):
    for encoding, read in (("percent", unquote), ("quoted-printable", lambda text: quopri.decodestring(text).decode())):
        encoded = encode(value, encoding)
        assert encoded.isascii()
        assert encoded == "" or encoded.isprintable()
        assert encoded == encoded.strip()
        assert read(encoded) == value
