"""Mistakes about the gate itself."""

import importlib.util

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.test import override_settings
from django.urls import path

from django_ops.access.gate.page import page

APP = "django_ops.access.gate"
URL = "http://flower:5555"


def gate(**changes):
    """Settings of a good gate in nginx mode, with these changes."""
    return override_settings(
        **{
            "OPS_GATE_SERVICES": {"flower": {"upstream": URL}},
            "OPS_GATE_MODE": "nginx",
            "OPS_TRUSTED_PROXIES": ["10.0.0.0/8"],
            "LOGIN_URL": "/account/login/",
            **changes,
        }
    )


def service(**entry):
    return {"flower": {"upstream": URL, **entry}}


def test_services__that_cannot_be_used(found):
    with gate(OPS_GATE_SERVICES={"flower": {"upstrem": URL}}):
        assert found("E011") == [
            "OPS_GATE_SERVICES['flower'] has the unknown key 'upstrem'; the nearest one is 'upstream'."
        ]


def test_services__of_a_wrong_type_are_for_another_check(found):
    with gate(OPS_GATE_SERVICES=["flower"]):
        assert [found("E011"), found("E013"), len(found("E002"))] == [[], [], 1]


def test_services__that_can_be_used(found):
    with gate():
        assert found("E011") == []


def test_app__is_missing(found, settings):
    with gate(INSTALLED_APPS=[name for name in settings.INSTALLED_APPS if name != APP]):
        assert found("E012") == [f"OPS_GATE_SERVICES is set, and INSTALLED_APPS has no {APP}."]


def test_app__is_there_or_not_needed(found, settings):
    with gate():
        assert found("E012") == []
    with override_settings(INSTALLED_APPS=[name for name in settings.INSTALLED_APPS if name != APP]):
        assert found("E012") == []


def test_accept_14__no_trusted_proxies(found):
    """ACCEPT 14: an error when trusted proxies is empty and nginx asks."""
    with gate(OPS_TRUSTED_PROXIES=[]):
        assert found("E013") == [
            'OPS_GATE_MODE is "nginx", and OPS_TRUSTED_PROXIES is empty: every request to a UI will be refused.'
        ]


@pytest.mark.parametrize(
    "changes", [{}, {"OPS_GATE_MODE": "proxy", "OPS_TRUSTED_PROXIES": []}, {"OPS_GATE_SERVICES": {}}]
)
def test_trusted_proxies__are_named_or_not_needed(found, changes):
    with gate(**changes):
        assert found("E013") == []


def test_trusted_proxies__are_everybody(found):
    with gate(OPS_TRUSTED_PROXIES=["10.0.0.1", "0.0.0.0/0"]):
        assert found("E014") == ['OPS_GATE_MODE is "nginx", and OPS_TRUSTED_PROXIES has 0.0.0.0/0.']


def test_trusted_proxies__are_ours(found):
    with gate():
        assert found("E014") == []


@pytest.mark.parametrize("url", ["/ops/flower/login", "/ops/flower"])
def test_login__behind_the_gate(found, url):
    with gate(LOGIN_URL=url):
        assert found("E015") == [f"LOGIN_URL is {url!r}, which is behind the gate to flower."]


def test_login__leads_nowhere(found):
    with gate(LOGIN_URL="sign-in"):
        assert found("E015") == ["LOGIN_URL is 'sign-in', which does not name a URL pattern."]


@pytest.mark.parametrize("url", ["/account/login/", "/ops/", "https://id.example.com/ops/flower/", "ok"])
def test_login__outside(found, url):
    with gate(LOGIN_URL=url):
        assert found("E015") == []


@pytest.mark.parametrize(("url", "path"), [("/accounts/login/", "/accounts/login/"), ("/sign-in?x=y", "/sign-in")])
def test_login__is_not_there(found, url, path):
    with gate(LOGIN_URL=url):
        assert found("W039") == [f"LOGIN_URL is {url!r}, and the URLconf has nothing at {path}."]


@pytest.mark.parametrize("url", ["ok", "/ok", "https://id.example.com/", "//id.example.com/x", "no-such-name"])
def test_login__is_there_or_elsewhere(found, url):
    with gate(LOGIN_URL=url):
        assert found("W039") == []


def test_login__is_there_with_a_slash(found):
    with gate(LOGIN_URL="/items/1"):
        assert found("W039") == []
        with override_settings(APPEND_SLASH=False):
            assert len(found("W039")) == 1


def test_login__is_not_looked_for(found):
    with gate(LOGIN_URL="/nowhere/", OPS_GATE_MODE=""):
        assert found("W039") == []
    with gate(LOGIN_URL="/nowhere/", ROOT_URLCONF="tests.no_such_module"):
        assert found("W039") == []
    with gate(LOGIN_URL="/nowhere/", ROOT_URLCONF=tuple(i18n_patterns(path("ok", page)))):
        assert found("W039") == []


def test_proxy__without_aiohttp(found, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with gate(OPS_GATE_MODE="proxy"):
        assert found("E016") == ['OPS_GATE_MODE is "proxy", and aiohttp is not installed.']
    with gate():
        assert found("E016") == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"OPS_GATE_AUTH_PATH": "/ops/gate/"}, "OPS_GATE_PREFIX is '/ops/', and OPS_GATE_AUTH_PATH is '/ops/gate/'."),
        (
            {"OPS_GATE_PREFIX": "/_ops/gate/x/"},
            "OPS_GATE_PREFIX is '/_ops/gate/x/', and OPS_GATE_AUTH_PATH is '/_ops/gate/'.",
        ),
        (
            {"OPS_METRICS_PATH": "/ops/metrics"},
            "OPS_METRICS_PATH is '/ops/metrics', which is within OPS_GATE_PREFIX, '/ops/'.",
        ),
        (
            {"OPS_LIVEZ_PATH": "/_ops/gate"},
            "OPS_LIVEZ_PATH is '/_ops/gate', which is within OPS_GATE_AUTH_PATH, '/_ops/gate/'.",
        ),
    ],
)
def test_paths__within_each_other(found, changes, sentence):
    with gate(**changes):
        assert found("E017") == [sentence]


def test_paths__apart(found):
    with gate(OPS_METRICS_PATH="/opsmetrics", OPS_READYZ_PATH=""):
        assert found("E017") == []


def test_credentials__cannot_be_read(found, tmp_path):
    missing, wrong = tmp_path / "missing", tmp_path / "wrong"
    wrong.write_text("a secret")
    with gate(
        OPS_GATE_SERVICES={
            "a": {"upstream": URL, "credentials_file": missing},
            "b": {"upstream": URL, "credentials_file": str(wrong)},
        }
    ):
        first, second = found("E018")
        assert first.startswith("OPS_GATE_SERVICES['a']['credentials_file']: ")
        assert second == f"OPS_GATE_SERVICES['b']['credentials_file']: {wrong} does not hold user:password on one line."
        assert "a secret" not in first + second


def test_credentials__can_be_read(found, tmp_path):
    (tmp_path / "file").write_text("admin:word\n")
    with gate(OPS_GATE_SERVICES=service(credentials_file=tmp_path / "file")):
        assert found("E018") == []


@pytest.mark.parametrize("cookie_path", ["/shop/", "/op"])
def test_session__of_another_path(found, cookie_path):
    with gate(SESSION_COOKIE_PATH=cookie_path):
        assert found("E019") == [f"SESSION_COOKIE_PATH is {cookie_path!r}, and OPS_GATE_PREFIX is '/ops/'."]


@pytest.mark.parametrize("cookie_path", ["/", "/ops/", "/ops"])
def test_session__reaches_the_uis(found, cookie_path):
    with gate(SESSION_COOKIE_PATH=cookie_path):
        assert found("E019") == []


def test_mode__is_off(found):
    with gate(OPS_GATE_MODE=""):
        assert found("W024") == ["OPS_GATE_SERVICES is set, and OPS_GATE_MODE is empty."]


def test_mode__is_on_or_not_needed(found):
    with gate():
        assert found("W024") == []
    assert found("W024") == []


def test_page__is_missing(found):
    with gate():
        assert found("W025") == ["The URLconf has no page of the internal UIs at /ops/."]


urlpatterns = [path("ops/", page, name="ops-gate")]


def test_page__is_there(found):
    with gate(ROOT_URLCONF=__name__):
        assert found("W025") == []


def test_permission__of_no_app(found):
    roles = [("auth.view_user", "Viewer"), ("nobody.has_it", "Admin")]
    with gate(OPS_GATE_SERVICES=service(permission="op.view_flower", role_header="X-Role", roles=roles)):
        assert found("W026") == [
            "OPS_GATE_SERVICES['flower'] has the permission 'op.view_flower', and no app is 'op'.",
            "OPS_GATE_SERVICES['flower'] has the permission 'nobody.has_it', and no app is 'nobody'.",
        ]


def test_permission__of_an_app(found):
    with gate():
        assert found("W026") == []


@pytest.mark.parametrize("header", ["user_header", "email_header"])
def test_names__are_told_and_none_is_kept(found, header):
    with gate(OPS_GATE_SERVICES=service(**{header: "X-Who"})):
        assert found("W041") == ["OPS_GATE_SERVICES['flower'] tells the UI who somebody is, and has no reserved_names."]


@pytest.mark.parametrize("entry", [{}, {"user_header": "X-Who", "reserved_names": ["admin"]}])
def test_names__are_kept_or_not_told(found, entry):
    with gate(OPS_GATE_SERVICES=service(**entry)):
        assert found("W041") == []


def test_websockets__in_nginx_mode(found):
    with gate(OPS_GATE_SERVICES=service(websocket=True)):
        assert found("I004") == ["OPS_GATE_SERVICES['flower'] has websocket, and OPS_GATE_MODE is \"nginx\"."]


def test_websockets__in_proxy_mode(found):
    with gate(OPS_GATE_SERVICES=service(websocket=True), OPS_GATE_MODE="proxy"):
        assert found("I004") == []
