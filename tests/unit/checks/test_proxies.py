"""Mistakes about who may speak for a client."""

import pytest
from django.test import override_settings

from django_ops.checks.proxies import wide_networks


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("USE_X_FORWARDED_HOST", True),
        ("USE_X_FORWARDED_PORT", True),
    ],
)
def test_unset__forwarded_headers_in_use(found, name, value):
    with override_settings(**{name: value}):
        assert found("W019") == [f"{name} is set, and OPS_TRUSTED_PROXIES is empty."]


def test_unset__no_forwarded_headers(found):
    assert found("W019") == []


def test_unset__proxies_named(found):
    with override_settings(USE_X_FORWARDED_HOST=True, OPS_TRUSTED_PROXIES=["10.0.0.1"]):
        assert found("W019") == []


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "128.0.0.0/1"])
def test_internet__is_trusted(found, network):
    with override_settings(OPS_TRUSTED_PROXIES=["10.0.0.1", network]):
        assert found("W020") == [f"OPS_TRUSTED_PROXIES has {network}."]


def test_internet__is_not_trusted(found):
    with override_settings(OPS_TRUSTED_PROXIES=["10.0.0.0/8", "unix", "203.0.113.0/24"]):
        assert found("W020") == []


@pytest.mark.parametrize("network", ["10.0.0.0/8", "172.16.0.0/12", "fc00::/7", "127.0.0.0/8", "203.0.112.0/20"])
def test_wide_networks__somebodys_own(network):
    assert list(wide_networks([network])) == []
