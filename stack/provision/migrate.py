"""Migrates the database as one of many that may try, and makes the first administrator."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

#: Of the advisory lock: the first eight bytes of the SHA-256 of "django-ops migrate", as a signed number.
LOCK_KEY = 8246677345105022928
#: How long to wait for another migration.
LOCK_SECONDS = 600
ADMINISTRATOR = "admin"


class MigrationError(Exception):
    """The site cannot be prepared; the message says why."""


def main() -> None:
    """Prepare the site that DJANGO_SETTINGS_MODULE names. Exits with one message and 1 where that is impossible."""
    try:
        _set_up()
        with lock():
            call_command("migrate", interactive=False, verbosity=1)
        created = create_administrator()
    except (MigrationError, ImproperlyConfigured, CommandError, DatabaseError) as error:
        sys.exit(f"migrate: {error}".rstrip())
    if created:
        print(f"The user {ADMINISTRATOR} was made, with the password in {os.environ['ADMIN_PASSWORD_FILE']}")


def _set_up() -> None:
    name = os.environ.get("DJANGO_SETTINGS_MODULE")
    if not name:
        raise MigrationError("DJANGO_SETTINGS_MODULE is not set: it names the module with the site's settings")
    try:
        django.setup()
    except ImportError as error:
        raise MigrationError(f"the settings {name} (DJANGO_SETTINGS_MODULE) cannot be used: {error}") from error


@contextmanager
def lock() -> Iterator[None]:
    """Keep all others who would migrate waiting. Only PostgreSQL has such a lock, and several servers.

    It belongs to a session of its own, so that the server gives it up when this process dies, however it dies.
    """
    connection = connections["default"].copy()
    if connection.vendor != "postgresql":
        yield
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
            if not cursor.fetchone()[0]:
                print("Another migration runs; waiting for it", flush=True)
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{LOCK_SECONDS}s"])
                cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        yield
    finally:
        connection.close()


def create_administrator() -> bool:
    """Make a superuser with the password in ADMIN_PASSWORD_FILE, unless there is one or none is wanted.

    Returns whether it made one. Raises MigrationError where the file is not as it should be.
    """
    path = os.environ.get("ADMIN_PASSWORD_FILE")
    if not path or not django.apps.apps.is_installed("django.contrib.auth"):
        return False
    from django.contrib.auth import get_user_model

    user_model = get_user_model()
    users = user_model._default_manager
    if not hasattr(user_model, "is_superuser"):
        return False
    if users.filter(is_superuser=True).exists():
        _ask_for_another_password(users, Path(path))
        return False
    password = _password(Path(path))
    if user_model.USERNAME_FIELD != "username":
        print("No administrator was made, as users have no user name: manage.py createsuperuser makes one")
        return False
    users.create_superuser(ADMINISTRATOR, **dict.fromkeys(user_model.REQUIRED_FIELDS, ""), password=password)
    return True


def _ask_for_another_password(users: Any, path: Path) -> None:
    """Say that the administrator still has the password that a file has, at each start until it is changed."""
    with suppress(MigrationError):
        password = _password(path)
        found = users.filter(is_superuser=True, **{users.model.USERNAME_FIELD: ADMINISTRATOR})
        if any(user.check_password(password) for user in found):
            print(f"The user {ADMINISTRATOR} still has the password in {path}: change it on the site")


def _password(path: Path) -> str:
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"ADMIN_PASSWORD_FILE names {path}, which cannot be read: {error}") from error
    if not password:
        raise MigrationError(f"ADMIN_PASSWORD_FILE names {path}, which is empty")
    return password


if __name__ == "__main__":
    main()
