"""Mistakes around the password history."""

from django.test import override_settings

APP = "django_ops.passwords"
HISTORY = [{"NAME": "django_ops.passwords.validators.PasswordHistoryValidator"}]


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
