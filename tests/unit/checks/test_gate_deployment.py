"""Mistakes that weaken the gate where it is deployed."""

import sys

import pytest
from django.test import override_settings

URL = "http://flower:5555"


def gate(**changes):
    return override_settings(
        **{"OPS_GATE_SERVICES": {"flower": {"upstream": URL}}, "OPS_GATE_MODE": "nginx", **changes}
    )


def upstream(url):
    return gate(OPS_GATE_SERVICES={"flower": {"upstream": url}})


SIGNED = "django.contrib.sessions.backends.signed_cookies"
OVER_HTTP = "SESSION_COOKIE_SECURE is False, and the session opens the internal UIs."
FOR_SCRIPTS = "SESSION_COOKIE_HTTPONLY is False, and the internal UIs share the site's origin."
WITHOUT_END = f"SESSION_ENGINE is {SIGNED!r}, which keeps sessions in the browser."
WILD = "https://*.example.com"

SENTENCES = [
    ("W027", {"SESSION_COOKIE_SECURE": False}, OVER_HTTP),
    ("W028", {"SESSION_COOKIE_HTTPONLY": False}, FOR_SCRIPTS),
    ("W029", {"SESSION_COOKIE_SAMESITE": None}, "SESSION_COOKIE_SAMESITE is None."),
    ("W029", {"SESSION_COOKIE_SAMESITE": "None"}, "SESSION_COOKIE_SAMESITE is 'None'."),
    ("W029", {"SESSION_COOKIE_SAMESITE": False}, "SESSION_COOKIE_SAMESITE is False."),
    ("W030", {"SESSION_COOKIE_DOMAIN": ".example.com"}, "SESSION_COOKIE_DOMAIN is '.example.com'."),
    ("W031", {"SESSION_ENGINE": SIGNED}, WITHOUT_END),
    ("W032", {"OPS_GATE_CACHE_SECONDS": 61}, "OPS_GATE_CACHE_SECONDS is 61."),
    ("W035", {"CSRF_TRUSTED_ORIGINS": ["https://a.example", WILD]}, f"CSRF_TRUSTED_ORIGINS has {WILD!r}."),
]
GOOD = {
    "SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Lax",
    "SESSION_COOKIE_DOMAIN": None, "SESSION_ENGINE": "django.contrib.sessions.backends.cached_db",
    "OPS_GATE_CACHE_SECONDS": 60, "CSRF_TRUSTED_ORIGINS": ["https://a.example"],
}  # fmt: skip


@pytest.mark.parametrize(("number", "changes", "sentence"), SENTENCES)
def test_setting__is_unsafe(found, number, changes, sentence):
    with gate(**GOOD | changes):
        assert found(number) == [sentence]


@pytest.mark.parametrize(("number", "changes", "sentence"), SENTENCES)
def test_setting__is_unsafe_without_a_gate(found, number, changes, sentence):
    with override_settings(**GOOD | changes):
        assert found(number) == []


def test_settings__are_safe(found):
    with gate(**GOOD):
        assert [found("W027"), found("W028"), found("W029"), found("W030"), found("W031")] == [[]] * 5
        assert [found("W032"), found("W035")] == [[], []]


def test_settings__are_not_safe(found):
    bad = {name: value for _, changes, _ in SENTENCES for name, value in changes.items()}
    with gate(**bad):
        assert all([found("W027"), found("W028"), found("W029"), found("W030"), found("W031")])
        assert all([found("W032"), found("W035")])


@pytest.mark.parametrize(
    "url", ["http://8.8.8.8:80", "http://flower.example.com:5555", "http://[2606:4700::1111]", "http://co.uk"]
)
def test_upstream__on_the_internet(found, url):
    with upstream(url):
        assert found("W033") == [f"OPS_GATE_SERVICES['flower'] has the upstream {url}, which is on the internet."]


@pytest.mark.parametrize(
    "url",
    ["http://flower:5555", "http://10.0.0.7", "http://[fd00::1]", "https://flower.example.com", "http://flower.internal",
     "http://grafana.monitoring.svc.cluster.local", "http://127.0.0.1:5555"],
)  # fmt: skip
def test_upstream__of_our_own(found, url):
    with upstream(url):
        assert [found("W033"), found("W034")] == [[], []]


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://[fe80::1]", "http://0.0.0.0:80", "http://224.0.0.1"])
def test_upstream__of_the_provider(found, url):
    with upstream(url):
        assert found("W034") == [f"OPS_GATE_SERVICES['flower'] has the upstream {url}."]


def test_proxy__under_wsgi(found, monkeypatch):
    monkeypatch.delitem(sys.modules, "uvicorn", raising=False)
    with gate(OPS_GATE_MODE="proxy"):
        assert found("W036") == ['OPS_GATE_MODE is "proxy", and ASGI_APPLICATION is not set.']


@pytest.mark.parametrize("changes", [{"OPS_GATE_MODE": "proxy", "ASGI_APPLICATION": "shop.asgi.application"}, {}])
def test_proxy__under_asgi_or_not_at_all(found, changes):
    with gate(**changes):
        assert found("W036") == []


@pytest.mark.parametrize(
    ("role", "expected"), [("Admin", 1), ("GrafanaAdmin", 1), ("owner", 1), ("Viewer", 0), ("", 0)]
)
def test_default_role__administers(found, role, expected):
    entry = {"upstream": URL, "role_header": "X-Role", "default_role": role}
    with gate(OPS_GATE_SERVICES={"flower": entry}):
        assert len(found("W037")) == expected


def test_default_role__is_named(found):
    with gate(OPS_GATE_SERVICES={"flower": {"upstream": URL, "role_header": "X-Role", "default_role": "Admin"}}):
        assert found("W037") == ["OPS_GATE_SERVICES['flower'] has the default_role 'Admin'."]


@pytest.mark.parametrize("network", ["10.0.0.0/8", "172.18.0.0/16", "10.0.0.0/23", "fd00::/64"])
def test_nginx__is_a_whole_network(found, network):
    with gate(OPS_TRUSTED_PROXIES=["10.0.0.10", network]):
        assert found("W040") == [f'OPS_GATE_MODE is "nginx", and OPS_TRUSTED_PROXIES has {network}.']


@pytest.mark.parametrize(
    "changes",
    [
        {"OPS_TRUSTED_PROXIES": ["10.0.0.10", "unix", "10.0.1.0/24", "fd00::10"]},
        {"OPS_TRUSTED_PROXIES": ["10.0.0.0/8"], "OPS_GATE_MODE": "proxy"},
        {"OPS_TRUSTED_PROXIES": ["0.0.0.0/0"]},  # E014
        {"OPS_TRUSTED_PROXIES": ["no network"]},
    ],
)
def test_nginx__is_itself(found, changes):
    with gate(**changes):
        assert found("W040") == []
