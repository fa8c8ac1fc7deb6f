"""Several history validators at once: what is recorded, kept and refused."""

from datetime import timedelta

import pytest
from django.utils import timezone

from django_ops.passwords.models import PasswordEntry
from django_ops.passwords.validators import PasswordHistoryValidator
from tests.unit.passwords.conftest import VALIDATOR, change, entries, refused

TEN = [f"password-{number}" for number in range(10)]


def test_several_validators__record_once(user, configure):
    configure({"last": 3}, {"last": 5}, {"last": 4})
    change(user, "second")
    assert len(entries()) == 2


def test_several_validators__keep_what_the_longest_needs(user, configure):
    configure({"last": 3}, {"last": 5}, {"last": 4})
    change(user, *TEN)
    assert len(entries()) == 5


def test_several_validators__keep_what_any_needs(user, configure):
    configure({"last": 2}, {"last": 5, "max_age_days": 30})
    change(user, *TEN)
    PasswordEntry.objects.update(created_at=timezone.now() - timedelta(days=31))
    change(user, "next")
    assert refused(user, *TEN) == TEN[-1:]


def test_several_validators__each_refuses_its_own_n(user, configure, settings):
    configure({"last": 2}, {"last": 3})
    change(user, "second", "third")
    assert refused(user, "first", "second", "third") == ["first", "second", "third"]


def test_several_validators__one_that_is_not_configured_keeps_its_entries(user, configure):
    configure({"last": 2})
    for password in TEN:
        PasswordHistoryValidator(last=4).password_changed(password, user)
    assert len(entries()) == 4


def test_several_validators__others_of_django_are_no_matter(user, settings):
    numeric = "django.contrib.auth.password_validation.NumericPasswordValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": numeric}, {"NAME": VALIDATOR}]
    change(user, "second")
    assert refused(user, "first")


class StaffValidator(PasswordHistoryValidator):
    """As the how-to has it: stricter, for some."""

    def validate(self, password, user=None):
        if user is not None and user.is_staff:
            super().validate(password, user)


@pytest.mark.parametrize(("is_staff", "expected"), [(False, TEN[-2:]), (True, TEN[-5:])])
def test_derived_validator__has_rules_of_its_own(user, configure, settings, is_staff, expected):
    configure({"last": 2})
    settings.AUTH_PASSWORD_VALIDATORS = [
        *settings.AUTH_PASSWORD_VALIDATORS,
        {"NAME": f"{__name__}.StaffValidator", "OPTIONS": {"last": 5}},
    ]
    user.is_staff = is_staff
    change(user, *TEN)
    assert refused(user, *TEN) == expected
