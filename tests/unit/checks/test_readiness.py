"""Mistakes around readiness and drain."""

import importlib.util

import pytest
from django.test import override_settings


def explode():
    """Imported by nobody."""


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("databse", "neither one of database, cache, migrations, broker nor a dotted path"),
        ("nowhere.check", "cannot be imported"),
        ("optional:nowhere.check", "cannot be imported"),
        ("database:replica", "DATABASES has no 'replica'"),
        ("migrations:replica", "DATABASES has no 'replica'"),
        ("cache:sessions", "CACHES has no 'sessions'"),
        ("optional:cache:sessions", "CACHES has no 'sessions'"),
    ],
)
def test_checks__that_do_not_exist(found, entry, told):
    with override_settings(OPS_READYZ_CHECKS=[entry]):
        (sentence,) = found("E008")
    assert told in sentence


def test_checks__module_that_raises(found, tmp_path, monkeypatch):
    (tmp_path / "raising_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(OPS_READYZ_CHECKS=["raising_module.check"]):
        assert "whose import raises ZeroDivisionError" in found("E008")[0]


def test_checks__broker_without_celery(found, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with override_settings(OPS_READYZ_CHECKS=["broker"]):
        assert "pip install './django-ops[celery]'" in found("E008")[0]


def test_checks__that_exist(found):
    entries = ["database", "database:default", "cache", "optional:cache:default", "migrations", "broker", explode]
    with override_settings(OPS_READYZ_CHECKS=[*entries, f"{__name__}.explode"]):
        assert found("E008") == []


def test_timeout__zero(found):
    with override_settings(OPS_READYZ_TIMEOUT_SECONDS=0):
        assert found("E009") == ["OPS_READYZ_TIMEOUT_SECONDS is 0."]


def test_timeout__default(found):
    assert found("E009") == []


def test_drain__zero(found):
    with override_settings(OPS_DRAIN_SECONDS=0):
        assert found("W021") == ["OPS_DRAIN_SECONDS is 0."]


def test_drain__default_is_neither_too_short_nor_too_long(found):
    assert [found("W021"), found("W022")] == [[], []]


@pytest.mark.parametrize("seconds", [10, 60.5])
def test_drain__longer_than_docker_waits(found, seconds):
    with override_settings(OPS_DRAIN_SECONDS=seconds):
        assert found("W022") == [f"OPS_DRAIN_SECONDS is {seconds:g}, and requests are finished after that."]


@pytest.fixture
def database(settings, monkeypatch):
    """The settings of the default database, given back afterwards."""

    def change(**options):
        for name, value in options.items():
            monkeypatch.setitem(settings.DATABASES["default"], name, value)

    return change


@pytest.mark.parametrize("age", [None, 60])
def test_connections__kept_and_not_checked(found, database, age):
    database(CONN_MAX_AGE=age)
    assert found("I003") == ["DATABASES: default has CONN_MAX_AGE without CONN_HEALTH_CHECKS."]


@pytest.mark.parametrize("options", [{}, {"CONN_MAX_AGE": 0}, {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}])
def test_connections__not_kept_or_checked(found, database, options):
    database(**options)
    assert found("I003") == []
