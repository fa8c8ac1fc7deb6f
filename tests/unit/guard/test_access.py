"""Who may read operational data: by token, by network, by permission; and nobody by default."""

import logging

import pytest
from django.test import RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_ops.guard.access import has_permission, may_read_operations

TOKEN = "correct horse battery staple"


def request(**meta):
    built = RequestFactory().get("/metrics")
    built.META.pop("REMOTE_ADDR")
    built.META.update(meta)
    return built


def from_address(peer, **meta):
    return request(REMOTE_ADDR=peer, **meta)


# by default ----------------------------------------------------------------------------------------------------


def test_may_read__nobody_by_default():
    assert not may_read_operations(from_address("127.0.0.1"))


@pytest.mark.parametrize("header", ["Bearer ", "Bearer", "bearer  ", "Bearer None", ""])
def test_may_read__empty_token_opens_nothing(header):
    assert not may_read_operations(request(HTTP_AUTHORIZATION=header))


# token ---------------------------------------------------------------------------------------------------------


@override_settings(OPS_METRICS_TOKEN=TOKEN)
def test_may_read__right_token():
    assert may_read_operations(request(HTTP_AUTHORIZATION=f"Bearer {TOKEN}"))


@override_settings(OPS_METRICS_TOKEN=TOKEN)
def test_may_read__scheme_in_any_case():
    assert may_read_operations(request(HTTP_AUTHORIZATION=f"bearer {TOKEN}"))


@override_settings(OPS_METRICS_TOKEN=TOKEN)
@pytest.mark.parametrize(
    "header", ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \u20ac", "Bearer \xff"]
)
def test_may_read__wrong_token(header):
    assert not may_read_operations(request(HTTP_AUTHORIZATION=header))


@override_settings(OPS_METRICS_TOKEN="gl\u00fcckauf-\u20ac")
def test_may_read__token_outside_ascii_as_it_comes_over_the_wire():
    wire = "gl\u00fcckauf-\u20ac".encode().decode("latin-1")
    assert may_read_operations(request(HTTP_AUTHORIZATION=f"Bearer {wire}"))


@override_settings(OPS_METRICS_TOKEN="x" * 10_000)
def test_may_read__huge_header_is_refused_unread():
    assert not may_read_operations(request(HTTP_AUTHORIZATION=f"Bearer {'x' * 10_000}"))


def test_may_read__token_in_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    with override_settings(OPS_METRICS_TOKEN_FILE=str(path)):
        assert may_read_operations(request(HTTP_AUTHORIZATION=f"Bearer {TOKEN}"))


@override_settings(OPS_METRICS_TOKEN_FILE="/nonexistent/token")
def test_may_read__unreadable_token_file_opens_nothing():
    assert not may_read_operations(request(HTTP_AUTHORIZATION=f"Bearer {TOKEN}"))


@override_settings(OPS_METRICS_TOKEN_FILE="/nonexistent/token")
def test_may_read__unreadable_token_file_is_logged(caplog):
    with caplog.at_level(logging.ERROR, "django_ops.guard.access"):
        may_read_operations(request(HTTP_AUTHORIZATION="Bearer anything"))
    assert "OPS_METRICS_TOKEN_FILE names /nonexistent/token" in caplog.text


@given(st.text(max_size=200))
@override_settings(OPS_METRICS_TOKEN=TOKEN)
def test_may_read__hostile_header_is_false_and_never_raises(header):
    assert not may_read_operations(request(HTTP_AUTHORIZATION=header))


# networks ------------------------------------------------------------------------------------------------------

INTERNAL = override_settings(OPS_METRICS_NETWORKS=["10.0.0.0/8", "127.0.0.1"])
BEHIND_PROXY = override_settings(
    OPS_METRICS_NETWORKS=["10.0.0.0/8", "127.0.0.1"], OPS_TRUSTED_PROXIES=["127.0.0.1", "10.0.0.1"]
)


@INTERNAL
def test_may_read__peer_in_network():
    assert may_read_operations(from_address("10.1.2.3"))


@INTERNAL
def test_may_read__peer_elsewhere():
    assert not may_read_operations(from_address("192.0.2.1"))


@INTERNAL
def test_may_read__peer_unknown():
    assert not may_read_operations(request())


@override_settings(OPS_METRICS_NETWORKS=["unix"])
def test_may_read__unix_socket_when_named():
    assert may_read_operations(from_address(""))


@INTERNAL
@pytest.mark.parametrize(
    "header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_X_FORWARDED_PROTO", "HTTP_VIA"]
)
def test_may_read__forwarded_by_untrusted_proxy_is_in_no_network(header):
    """A proxy on the same machine would make everybody 127.0.0.1."""
    assert not may_read_operations(from_address("127.0.0.1", **{header: "10.1.2.3"}))


@BEHIND_PROXY
def test_may_read__forwarded_by_trusted_proxy_for_internal_client():
    assert may_read_operations(from_address("127.0.0.1", HTTP_X_FORWARDED_FOR="10.1.2.3"))


@BEHIND_PROXY
def test_may_read__forwarded_by_trusted_proxy_for_foreign_client():
    assert not may_read_operations(from_address("127.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1"))


@BEHIND_PROXY
def test_may_read__spoofed_chain():
    forwarded_for = "10.1.2.3, 198.51.100.1"
    assert not may_read_operations(from_address("127.0.0.1", HTTP_X_FORWARDED_FOR=forwarded_for))


@BEHIND_PROXY
@pytest.mark.parametrize("forwarded_for", ["", "unknown", "unix:", "10.1.2.3, garbage", ","])
def test_may_read__trusted_proxy_that_does_not_say_for_whom(forwarded_for):
    assert not may_read_operations(from_address("127.0.0.1", HTTP_X_FORWARDED_FOR=forwarded_for))


@BEHIND_PROXY
def test_may_read__trusted_proxy_with_other_header_only():
    assert not may_read_operations(from_address("127.0.0.1", HTTP_X_REAL_IP="10.1.2.3"))


@override_settings(OPS_METRICS_NETWORKS=["unix"], OPS_TRUSTED_PROXIES=["unix"])
def test_may_read__unknown_client_of_trusted_unix_socket():
    assert not may_read_operations(from_address("", HTTP_X_FORWARDED_FOR="unix:"))


@override_settings(OPS_METRICS_NETWORKS=["not a network"])
def test_may_read__unusable_networks_open_nothing():
    assert not may_read_operations(from_address("127.0.0.1"))


@override_settings(OPS_METRICS_NETWORKS=["10.0.0.0/8"], OPS_TRUSTED_PROXIES=["no proxy"])
def test_may_read__unusable_proxies_are_logged(caplog):
    with caplog.at_level(logging.ERROR, "django_ops.guard.access"):
        may_read_operations(from_address("10.0.0.1", HTTP_X_FORWARDED_FOR="10.1.2.3"))
    assert "OPS_TRUSTED_PROXIES cannot be used" in caplog.text


# permission ----------------------------------------------------------------------------------------------------


class User:
    def __init__(self, *permissions):
        self.permissions = permissions

    def has_perm(self, permission):
        return permission in self.permissions


def signed_in(user):
    built = request()
    built.user = user
    return built


@override_settings(OPS_METRICS_PERMISSION="ops.read")
def test_has_permission__user_with_it():
    assert has_permission(signed_in(User("ops.read")))


@override_settings(OPS_METRICS_PERMISSION="ops.read")
def test_has_permission__user_without_it():
    assert not has_permission(signed_in(User("ops.write")))


@override_settings(OPS_METRICS_PERMISSION="ops.read")
def test_has_permission__nobody_signed_in():
    assert not has_permission(request())


@override_settings(OPS_METRICS_PERMISSION="ops.read")
def test_has_permission__user_model_without_permissions():
    assert not has_permission(signed_in(object()))


def test_has_permission__setting_empty():
    assert not has_permission(signed_in(User("")))
