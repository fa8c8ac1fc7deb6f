"""Mistakes that leave the password history without its tables, or without anybody who asks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

from django_ops.checks.table import mistake
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.passwords.validators import PasswordHistoryValidator

APP = "django_ops.passwords"
VALIDATOR = "django_ops.passwords.validators.PasswordHistoryValidator"


def _configured() -> Iterator[tuple[type[PasswordHistoryValidator], dict[str, Any]]]:
    """Yield each history validator of AUTH_PASSWORD_VALIDATORS, derived ones included, with its options."""
    for validator in settings.AUTH_PASSWORD_VALIDATORS:
        try:
            found = import_string(validator["NAME"])
        except Exception:  # Django says more about it when it makes the validators
            found = None
        if isinstance(found, type) and issubclass(found, PasswordHistoryValidator):
            yield found, validator.get("OPTIONS", {})


def _has_validator() -> bool:
    return any(_configured())


@mistake(
    "E010", "Password history without its app", remedy=f'Add "{APP}" to INSTALLED_APPS, and run `manage.py migrate`.'
)
def history_without_app() -> Iterator[str]:
    """The validator has no tables: nobody could change a password."""
    if _has_validator() and not apps.is_installed(APP):
        yield f"AUTH_PASSWORD_VALIDATORS has PasswordHistoryValidator, and INSTALLED_APPS has no {APP}."


@mistake(
    "E020",
    "Password history with options that cannot be used",
    remedy="Correct OPTIONS in AUTH_PASSWORD_VALIDATORS.",
)
def unusable_options() -> Iterator[str]:
    """Nobody could set a password."""
    for validator, options in _configured():
        try:
            validator(**options)
        except ImproperlyConfiguredError as error:
            yield str(error)
        except TypeError as error:
            yield f"AUTH_PASSWORD_VALIDATORS: {error}."


@mistake(
    "W023", "Password history that is not asked", remedy=f'Add {{"NAME": "{VALIDATOR}"}} to AUTH_PASSWORD_VALIDATORS.'
)
def app_without_validator() -> Iterator[str]:
    """The tables are there, and nothing is recorded or refused."""
    if apps.is_installed(APP) and not _has_validator():
        yield f"INSTALLED_APPS has {APP}, and AUTH_PASSWORD_VALIDATORS has no PasswordHistoryValidator."
