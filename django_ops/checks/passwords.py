"""Mistakes that leave the password history without its tables, or without anybody who asks it."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings

from django_ops.checks.table import mistake

APP = "django_ops.passwords"
VALIDATOR = "django_ops.passwords.validators.PasswordHistoryValidator"


def _has_validator() -> bool:
    return any(validator.get("NAME") == VALIDATOR for validator in settings.AUTH_PASSWORD_VALIDATORS)


@mistake(
    "E010", "Password history without its app", remedy=f'Add "{APP}" to INSTALLED_APPS, and run `manage.py migrate`.'
)
def history_without_app() -> Iterator[str]:
    """The validator has no tables: nobody could change a password."""
    if _has_validator() and not apps.is_installed(APP):
        yield f"AUTH_PASSWORD_VALIDATORS has PasswordHistoryValidator, and INSTALLED_APPS has no {APP}."


@mistake(
    "W023", "Password history that is not asked", remedy=f'Add {{"NAME": "{VALIDATOR}"}} to AUTH_PASSWORD_VALIDATORS.'
)
def app_without_validator() -> Iterator[str]:
    """The tables are there, and nothing is recorded or refused."""
    if apps.is_installed(APP) and not _has_validator():
        yield f"INSTALLED_APPS has {APP}, and AUTH_PASSWORD_VALIDATORS has no PasswordHistoryValidator."
