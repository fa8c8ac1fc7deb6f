"""Where a browser that nobody is signed in with is sent, and who is told 401 instead."""

import pytest
from django.test import override_settings

from django_ops.access.gate.registry import parse
from django_ops.access.gate.sign_in import sign_in_url

FLOWER = parse({"flower": {"upstream": "http://flower:5555"}}, "/ops/")["flower"]
BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
FIRST_PAGE = "/account/login/?next=/ops/flower/"


@pytest.fixture(autouse=True)
def _login():
    with override_settings(LOGIN_URL="/account/login/"):
        yield


def asked(uri="/ops/flower/tasks?x=y", method="GET", believes=True, **meta):
    headers = {"HTTP_X_ORIGINAL_METHOD": method, "HTTP_X_ORIGINAL_URI": uri, **BROWSER, **meta}
    return sign_in_url(headers, FLOWER, believes=believes)


def test_accept_5__browser():
    """ACCEPT 5: a browser gets LOGIN_URL with a safe `next`."""
    assert asked() == "/account/login/?next=/ops/flower/tasks%3Fx%3Dy"


@pytest.mark.parametrize(
    "meta",
    [
        {"HTTP_ACCEPT": "application/json"},
        {"HTTP_ACCEPT": "*/*"},
        {"HTTP_ACCEPT": ""},
        {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
        {"HTTP_SEC_FETCH_MODE": "cors"},
    ],
)
def test_accept_5__program(meta):
    """ACCEPT 5: `Accept: application/json` or XHR plain 401."""
    assert asked(**meta) is None


@pytest.mark.parametrize(
    "uri",
    [
        "//evil.example/", "/\\evil.example", "https://evil.example", "/ops/flower/..//evil.example", "/ops/flower/#",
        "/ops/grafana/", "javascript:alert(1)", "", "/ops/flower/\t//evil.example",
    ],
)  # fmt: skip
def test_next__that_leads_elsewhere(uri):
    assert asked(uri) == FIRST_PAGE


def test_next__cannot_add_to_the_query():
    assert asked("/ops/flower/?a=b&next=//evil.example") == (
        "/account/login/?next=/ops/flower/%3Fa%3Db%26next%3D//evil.example"
    )


def test_next__that_is_not_nginx_s_word():
    assert asked(believes=False) == FIRST_PAGE


@pytest.mark.parametrize("method", ["POST", "", "get"])
def test_next__of_a_form_is_the_first_page(method):
    assert asked(method=method) == FIRST_PAGE


@pytest.mark.parametrize(
    ("login", "url"),
    [
        ("ok", "/ok?next=/ops/flower/"),
        ("https://id.example.com/?client=1#top", "https://id.example.com/?client=1&next=/ops/flower/#top"),
    ],
)
def test_login_url__of_every_form(login, url):
    with override_settings(LOGIN_URL=login):
        assert asked("") == url


@pytest.mark.parametrize("login", ["no-such-name", "http://[::1"])
def test_login_url__that_leads_nowhere(caplog, login):
    with override_settings(LOGIN_URL=login):
        assert asked() is None
    assert "LOGIN_URL cannot be used" in caplog.text
