"""One password history with a user for each length, which validates passwords and says what that took."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from typing import Any

from benchmarks.child import pin_to_one_cpu, serve
from benchmarks.passwords import HISTORY, OURS, VALIDATORS, VALIDATORS_EQUAL

#: What is called slow: no session signature or HMAC takes so many rounds.
SLOW_ITERATIONS = 1000

APPS = {
    OURS: "django_ops.passwords",
    VALIDATORS: "django_password_validators.password_history",
    VALIDATORS_EQUAL: "django_password_validators.password_history",
    HISTORY: "django_password_history",
}


def main() -> None:
    configuration = json.loads(sys.argv[1])
    variant, lengths = configuration["variant"], configuration["lengths"]
    set_up(variant, max(lengths))
    users = {length: user_with_history(variant, length) for length in lengths}
    pin_to_one_cpu()
    slow_hashes = count_slow_hashes()

    def validate(length: int, turn: int) -> dict[str, Any]:
        user = users[length]
        user.refresh_from_db()
        slow_hashes.clear()
        check = CHECKS[variant](length)
        started = time.perf_counter_ns()
        check(f"a fresh password {length} {turn}", user)
        duration_ms = (time.perf_counter_ns() - started) / 1e6
        return {"ms": duration_ms, "iterations": list(slow_hashes)}

    def recognises(length: int) -> dict[str, Any]:
        """Tell whether the oldest password of the full history is refused: else there is nothing to measure."""
        from django.core.exceptions import ValidationError

        try:
            CHECKS[variant](length)(password(1), users[length])
        except ValidationError:
            return {"refused": True}
        return {"refused": False}

    serve({"validate": validate, "recognises": recognises}, {})


def set_up(variant: str, longest: int) -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command

    name, options = VALIDATOR_OPTIONS[variant]
    settings.configure(
        SECRET_KEY="for the benchmarks only",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", APPS[variant]],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
        AUTH_PASSWORD_VALIDATORS=[{"NAME": name, "OPTIONS": {options: longest}}] if name else [],
        USE_TZ=True,
        **MORE_SETTINGS[variant],
    )
    django.setup()
    call_command("migrate", verbosity=0)


VALIDATOR_OPTIONS = {
    OURS: ("django_ops.passwords.validators.PasswordHistoryValidator", "last"),
    VALIDATORS: (
        "django_password_validators.password_history.password_validation.UniquePasswordsValidator",
        "last_passwords",
    ),
    HISTORY: ("", ""),  # it has no validator: the application asks its model
}
VALIDATOR_OPTIONS[VALIDATORS_EQUAL] = VALIDATOR_OPTIONS[VALIDATORS]

MORE_SETTINGS: dict[str, dict[str, Any]] = {
    OURS: {},
    VALIDATORS: {},
    VALIDATORS_EQUAL: {"DPV_DEFAULT_HISTORY_HASHER": "django.contrib.auth.hashers.PBKDF2PasswordHasher"},
    HISTORY: {},
}


def password(number: int) -> str:
    return f"correct horse battery {number}"


def user_with_history(variant: str, length: int):
    """Return a user who has had `length` passwords, the current one among them, each set as an application does."""
    from django.contrib.auth.models import User

    user = User(username=f"user-{length}")
    for number in range(1, length + 1):
        user.set_password(password(number))
        user.save()  # calls the validator's hook
        if variant == HISTORY:
            from django_password_history.models import UserPasswordHistory

            history, _ = UserPasswordHistory.objects.get_or_create(user=user)
            history.user = user
            history.store_password()
    return User.objects.get(pk=user.pk)


def check_ours(length: int):
    from django_ops.passwords.validators import PasswordHistoryValidator

    return PasswordHistoryValidator(last=length).validate


def check_validators(length: int):
    from django_password_validators.password_history.password_validation import UniquePasswordsValidator

    return UniquePasswordsValidator(last_passwords=length).validate


def check_history(length: int):
    from django.conf import settings
    from django.core.exceptions import ValidationError
    from django_password_history.models import UserPasswordHistory

    settings.PREVIOUS_PASSWORD_COUNT = length

    def check(password: str, user: Any) -> None:
        if UserPasswordHistory.objects.get(user=user).password_is_used(password):
            raise ValidationError("used before")

    return check


CHECKS = {
    OURS: check_ours,
    VALIDATORS: check_validators,
    VALIDATORS_EQUAL: check_validators,
    HISTORY: check_history,
}


def count_slow_hashes() -> list[int]:
    """Return a list that grows by the iterations of each slow hash from now on."""
    calls: list[int] = []
    original = hashlib.pbkdf2_hmac

    def counted(name: str, secret: bytes, salt: bytes, iterations: int, *rest: Any, **named: Any) -> bytes:
        if iterations >= SLOW_ITERATIONS:
            calls.append(iterations)
        return original(name, secret, salt, iterations, *rest, **named)

    hashlib.pbkdf2_hmac = counted
    return calls


if __name__ == "__main__":
    main()
