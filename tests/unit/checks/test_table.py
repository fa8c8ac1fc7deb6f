"""The table of mistakes: ids, sentences, registration."""

import re
from io import StringIO
from operator import attrgetter
from pathlib import Path

import pytest
from django.core import checks
from django.core.checks.registry import CheckRegistry
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from django_ops.checks import mistakes, register_all, table
from tests.each import each

ALL = mistakes()
IDS = [entry.id for entry in ALL]
TESTS = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


@each("entry", ALL, name=attrgetter("id"))
def test_mistake__id_is_stable_in_form(entry):
    assert re.fullmatch(r"django_ops\.[EWI]\d{3}", entry.id)


@pytest.mark.parametrize("letter", "EWI")
def test_mistakes__numbers_have_no_gap(letter):
    numbers = sorted(int(name[-3:]) for name in IDS if name[-4] == letter)
    assert numbers == list(range(1, len(numbers) + 1))


@each("entry", ALL, name=attrgetter("id"))
def test_mistake__says_why_and_what_to_do(entry):
    assert entry.explanation.endswith((".", ")"))
    assert entry.remedy.rstrip("'").endswith((".", ")", "Celery]", "'")) or "python -c" in entry.remedy


@each("entry", ALL, name=attrgetter("id"))
def test_mistake__is_tested_found_and_not_found(entry):
    number = entry.id.partition(".")[2]
    assert TESTS.count(f'found("{number}")') >= 2


def test_enter__id_that_is_taken():
    with pytest.raises(ValueError, match=r"django_ops\.E001 is taken by unknown_settings"):
        table.mistake("E001", "Again", remedy="None.")(lambda: iter(()))


@pytest.mark.parametrize(("number", "level"), [("E999", checks.ERROR), ("W999", checks.WARNING), ("I999", checks.INFO)])
def test_messages__level_id_and_hint(number, level):
    entry = table.Mistake(f"django_ops.{number}", "Title", "Do this.", False, lambda: iter(["Wrong."]))
    assert entry.messages() == [checks.CheckMessage(level, "Wrong.", hint="Do this.", id=f"django_ops.{number}")]


@pytest.fixture
def registry(monkeypatch):
    """A registry of Django's with no check in it."""
    fresh = CheckRegistry()
    monkeypatch.setattr(table.checks, "register", fresh.register)
    return fresh


def test_register__everything(registry):
    register_all()
    assert len(registry.get_checks(include_deployment_checks=True)) == len(ALL)


def test_register__twice_is_the_same(registry):
    register_all()
    register_all()
    assert len(registry.get_checks(include_deployment_checks=True)) == len(ALL)


def test_register__deployment_checks_only_when_asked_for(registry):
    register_all()
    assert len(registry.get_checks()) == sum(not entry.deploy for entry in ALL)


def test_register__under_a_tag_of_our_own(registry):
    register_all()
    assert registry.tag_exists("django_ops", include_deployment_checks=True)


def test_check_command__runs_them():
    with override_settings(OPS_DRAIN_SECOND=5), pytest.raises(SystemCheckError, match=r"\(django_ops\.E001\)"):
        call_command("check", "--tag", "django_ops", stdout=StringIO(), stderr=StringIO())


@pytest.fixture
def wrong_types(settings):
    """Settings that E002 tells of."""
    for name, value in {
        "OPS_TRUSTED_PROXIES": ["nowhere"],
        "OPS_METRICS_NETWORKS": "10.0.0.0/8",
        "OPS_METRICS_TOKEN": 7,
        "OPS_METRICS_PERMISSION": 7,
        "OPS_METRICS_MODELS": 7,
        "OPS_METRICS_TOKEN_FILE": 7,
        "OPS_LIVEZ_PATH": 7,
        "OPS_READYZ_PATH": ["/"],
        "OPS_METRICS_PATH": None,
        "OPS_READYZ_CHECKS": 7,
        "OPS_READYZ_TIMEOUT_SECONDS": "2",
        "OPS_DRAIN_SECONDS": "5",
        "OPS_DRAIN_FILE": 7,
        "OPS_SERVICE_NAME": 7,
    }.items():
        setattr(settings, name, value)


@each("entry", ALL, name=attrgetter("id"))
def test_mistake__survives_settings_of_wrong_types(entry, wrong_types):
    """Another check that raised would hide what E002 says."""
    entry.messages()
