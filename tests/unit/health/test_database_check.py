"""How the database check bounds its own connection, by vendor; with real databases in tests/integration."""

from types import SimpleNamespace

import pytest

from django_ops.health.checks.database import _shorten_timeouts, database


def options_of(vendor, timeout_seconds, **options):
    wrapper = SimpleNamespace(vendor=vendor, settings_dict={"OPTIONS": options})
    _shorten_timeouts(wrapper, timeout_seconds)
    return wrapper.settings_dict["OPTIONS"]


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("postgresql", {"connect_timeout": 2, "tcp_user_timeout": 2000}),
        ("mysql", {"connect_timeout": 2, "read_timeout": 2, "write_timeout": 2}),
        ("sqlite", {"timeout": 1.5}),
        ("oracle", {}),
    ],
)
def test_timeouts__by_vendor(vendor, expected):
    assert options_of(vendor, 1.5) == expected


def test_timeouts__never_zero_which_would_be_none():
    assert options_of("postgresql", 0.001)["connect_timeout"] == 1


def test_timeouts__pool_is_passed_by():
    assert "pool" not in options_of("postgresql", 1.5, pool=True)


def test_timeouts__other_options_stay():
    assert options_of("postgresql", 1.5, sslmode="require")["sslmode"] == "require"


def test_database__every_alias():
    assert [check.name for check in database()] == ["database:default"]


def test_database__dummy_is_no_database(monkeypatch):
    from django.db import connections

    monkeypatch.setitem(
        connections.settings, "none", {**connections.settings["default"], "ENGINE": "django.db.backends.dummy"}
    )
    try:
        assert [check.name for check in database()] == ["database:default"]
    finally:
        del connections["none"]
