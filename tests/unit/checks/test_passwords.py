"""Mistakes around the password history."""

import pytest
from django.test import override_settings

from django_ops.passwords.validators import PasswordHistoryValidator

APP = "django_ops.passwords"
VALIDATOR = "django_ops.passwords.validators.PasswordHistoryValidator"
HISTORY = [{"NAME": VALIDATOR}]


def without_app(settings):
    return [name for name in settings.INSTALLED_APPS if name != APP]


def test_validator__without_app(found, settings):
    with override_settings(AUTH_PASSWORD_VALIDATORS=HISTORY, INSTALLED_APPS=without_app(settings)):
        assert found("E010") == [
            f"AUTH_PASSWORD_VALIDATORS has PasswordHistoryValidator, and INSTALLED_APPS has no {APP}."
        ]


def test_validator__with_app(found):
    with override_settings(AUTH_PASSWORD_VALIDATORS=HISTORY):
        assert [found("E010"), found("W023")] == [[], []]


def test_app__without_validator(found):
    with override_settings(AUTH_PASSWORD_VALIDATORS=[]):
        assert found("W023") == [
            f"INSTALLED_APPS has {APP}, and AUTH_PASSWORD_VALIDATORS has no PasswordHistoryValidator."
        ]


def test_neither__is_no_mistake(found, settings):
    with override_settings(AUTH_PASSWORD_VALIDATORS=[], INSTALLED_APPS=without_app(settings)):
        assert [found("E010"), found("W023")] == [[], []]


class Derived(PasswordHistoryValidator):
    """As a project's own, stricter one."""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"last": 0}, "The option 'last' of PasswordHistoryValidator must be a whole number above 0, not 0"),
        (
            {"max_age_days": "90"},
            "The option 'max_age_days' of PasswordHistoryValidator must be a whole number above 0",
        ),
        ({"lats": 5}, "AUTH_PASSWORD_VALIDATORS: PasswordHistoryValidator.__init__() got an unexpected keyword"),
    ],
)
@pytest.mark.parametrize("name", [VALIDATOR, f"{__name__}.Derived"])
def test_options__that_cannot_be_used(found, name, options, sentence):
    with override_settings(AUTH_PASSWORD_VALIDATORS=[{"NAME": name, "OPTIONS": options}]):
        (said,) = found("E020")
        assert said.startswith(sentence)


@pytest.mark.parametrize("options", [{}, {"last": 1, "max_age_days": None}])
def test_options__that_can_be_used(found, options):
    with override_settings(AUTH_PASSWORD_VALIDATORS=[{"NAME": VALIDATOR, "OPTIONS": options}, {"NAME": "no.such"}]):
        assert found("E020") == []


def test_validator__derived_one_is_one(found):
    with override_settings(AUTH_PASSWORD_VALIDATORS=[{"NAME": f"{__name__}.Derived"}]):
        assert found("W023") == []
