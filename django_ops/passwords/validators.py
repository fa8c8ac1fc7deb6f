"""The validator for AUTH_PASSWORD_VALIDATORS. It imports no models, so that a system check can speak first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.password_validation import get_default_password_validators
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import ngettext

from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.passwords.window import Window

NAME = "PasswordHistoryValidator"


class PasswordHistoryValidator:
    """Refuses the last passwords of a user, the current one included.

    `last` is how many, 1 or more. `max_age_days`, if given, frees a password that many days after it was
    last in use; the current one is never free.
    Raises ImproperlyConfiguredError for an option that is not such a number.
    """

    def __init__(self, last: int = 10, max_age_days: int | None = None) -> None:
        self.last = _whole_number("last", last)
        self.max_age_days = None if max_age_days is None else _whole_number("max_age_days", max_age_days)

    @property
    def window(self) -> Window:
        """The part of the history that this validator refuses."""
        return Window(self.last, None if self.max_age_days is None else timedelta(days=self.max_age_days))

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError, code `password_in_history`, for one of the user's last passwords.

        Only reads. Nothing to compare, and so nothing refused, without a user or for one without a key.
        """
        if not _is_in_a_table(user):
            return
        _require_app()
        from django_ops.passwords.history import is_forbidden

        if is_forbidden(password, user, self.window):
            raise ValidationError(self.get_error_message(), code="password_in_history", params={"last": self.last})

    def password_changed(self, password: str, user: Any = None) -> None:
        """Record `password`; Django calls this when it has saved a user with a new password.

        Of several history validators the first one records, and keeps what any of them needs.
        """
        if not _is_in_a_table(user):
            return
        _require_app()
        from django_ops.passwords.history import record

        record(password, user, {validator.window for validator in (self, *configured_validators())})

    def get_error_message(self) -> str:
        """Return why a password is refused: the same words for the current one and for earlier ones."""
        return ngettext(
            "You cannot use your last %(last)d password again. Choose another one.",
            "You cannot use any of your last %(last)d passwords again. Choose another one.",
            self.last,
        ) % {"last": self.last}

    def get_help_text(self) -> str:
        """Return the rule, as shown before a password is chosen."""
        rule = ngettext(
            "Your new password cannot be your last %(last)d password, which is the current one.",
            "Your new password cannot be any of your last %(last)d passwords, including the current one.",
            self.last,
        ) % {"last": self.last}
        if self.max_age_days is None:
            return rule
        exception = ngettext(
            "A password that has not been in use for %(days)d day may be used again.",
            "A password that has not been in use for %(days)d days may be used again.",
            self.max_age_days,
        ) % {"days": self.max_age_days}
        return f"{rule} {exception}"


def configured_validators() -> list[PasswordHistoryValidator]:
    """Return the history validators of AUTH_PASSWORD_VALIDATORS, derived ones included."""
    return [each for each in get_default_password_validators() if isinstance(each, PasswordHistoryValidator)]


def _whole_number(option: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= timedelta.max.days:
        return value
    raise ImproperlyConfiguredError(
        f"The option {option!r} of {NAME} must be a whole number above 0, not {value!r:.80}: change it in"
        " AUTH_PASSWORD_VALIDATORS."
    )


def _is_in_a_table(user: object) -> bool:
    return isinstance(user, Model) and user.pk is not None  # the user of a token has a key, but is no row


def _require_app() -> None:
    if not apps.is_installed("django_ops.passwords"):
        raise ImproperlyConfiguredError(
            f'{NAME} keeps its entries in the app "django_ops.passwords": add it to INSTALLED_APPS and run'
            " `manage.py migrate`."
        )
