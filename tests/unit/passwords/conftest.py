"""A user, the validator switched on, and a counter of slow hashes."""

from collections.abc import Callable

import pytest
from django.contrib.auth import hashers, password_validation
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from django_ops.passwords import hashing
from django_ops.passwords.models import PasswordEntry
from tests.unit.passwords.hashers import QuickPBKDF2, path

VALIDATOR = "django_ops.passwords.validators.PasswordHistoryValidator"


@pytest.fixture(autouse=True)
def configure(settings) -> Callable[..., None]:
    """Switch the validator on; call the fixture for other options, several for several validators."""

    def configure(*options: dict[str, object]) -> None:
        settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": VALIDATOR, "OPTIONS": each} for each in options]

    settings.PASSWORD_HASHERS = [path(QuickPBKDF2)]
    configure({})
    hashing._warn_once.cache_clear()
    return configure


@pytest.fixture
def user(db) -> User:
    """A user as they exist on the day of installation: with the password "first", and no history."""
    return User.objects.create_user("ann", password="first")


@pytest.fixture
def slow_hashes(monkeypatch) -> list[object]:
    """Everything that has been run through PBKDF2 since the list was last cleared."""
    calls: list[object] = []
    pbkdf2 = hashers.pbkdf2

    def counting(password, *args, **kwargs):
        calls.append(password)
        return pbkdf2(password, *args, **kwargs)

    monkeypatch.setattr(hashers, "pbkdf2", counting)
    return calls


def change(user: User, *passwords: str) -> None:
    """Give `user` one password after the other, in the way that Django's forms do."""
    for password in passwords:
        user.set_password(password)
        user.save()


def refused(user: User | None, *passwords: str) -> list[str]:
    """Return those of `passwords` that the history refuses to `user`."""
    return [password for password in passwords if _is_refused(password, user)]


def _is_refused(password: str, user: User | None) -> bool:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        return "password_in_history" in [each.code for each in error.error_list]
    return False


def entries() -> list[PasswordEntry]:
    """Return all entries there are, newest first."""
    return list(PasswordEntry.objects.order_by("-pk"))
