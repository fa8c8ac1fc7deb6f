"""Processes that change the passwords of the same users at the same moment, round after round."""

from __future__ import annotations

from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

PROCESSES = 6
DEADLINE_SECONDS = 60.0


class PBKDF2(PBKDF2PasswordHasher):
    """Slow enough for a change to be overtaken on its way, which without the lock loses a password in most rounds."""

    iterations = 30_000


SETTINGS = {
    "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes", "django_ops.passwords"],
    "SECRET_KEY": "for the tests only",
    "PASSWORD_HASHERS": [f"{__name__}.PBKDF2"],
    "AUTH_PASSWORD_VALIDATORS": [{"NAME": "django_ops.passwords.validators.PasswordHistoryValidator"}],
}


def free_again(database: dict[str, Any], rounds: int) -> list[str]:
    """Give each of `rounds` users six passwords at once, and return which of the seven it may choose again.

    `database` is an empty one, as DATABASES has it; it gets the tables.
    """
    processes = get_context("spawn")
    barrier = processes.Barrier(PROCESSES)
    with processes.Pool(1, _set_up, (database,)) as parent:
        parent.apply(_create_users, (rounds,))
        changing = [
            processes.Process(target=_change_all, args=(database, rounds, f"password-{number}", barrier))
            for number in range(PROCESSES)
        ]
        for process in changing:
            process.start()
        for process in changing:
            process.join(DEADLINE_SECONDS + rounds)
            process.kill()
        if any(process.exitcode for process in changing):
            raise RuntimeError(f"a change failed: {[process.exitcode for process in changing]}")
        free: list[str] = parent.apply(_free, (rounds,))
        return free


def _set_up(database: dict[str, Any]) -> None:
    import django
    from django.conf import settings

    settings.configure(DATABASES={"default": database}, **SETTINGS)
    django.setup()


def _create_users(rounds: int) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for number in range(rounds):
        User.objects.create_user(f"ann-{number}", password="first")


def _change_all(database: dict[str, Any], rounds: int, password: str, barrier: Barrier) -> None:
    _set_up(database)
    from django.contrib.auth.models import User

    for number in range(rounds):
        user = User.objects.get(username=f"ann-{number}")
        user.set_password(password)
        barrier.wait(DEADLINE_SECONDS)
        user.save()


def _free(rounds: int) -> list[str]:
    from django.contrib.auth.models import User
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    free = []
    for number in range(rounds):
        user = User.objects.get(username=f"ann-{number}")
        for password in ("first", *(f"password-{each}" for each in range(PROCESSES))):
            with suppress(ValidationError):
                validate_password(password, user)
                free.append(f"{password} of {user}")
    return free
