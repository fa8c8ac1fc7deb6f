"""What users of django-password-validators 1.7.3 and django-password-history 1.0.8 run into.

Facts that have their test elsewhere are not repeated; docs/explanation/password-history.md lists them all.
"""

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ops.passwords import hashing
from django_ops.passwords.models import PasswordEntry
from tests.unit.passwords.conftest import change, entries, refused


def statements_of(user, *passwords):
    with CaptureQueriesContext(connection) as queries:
        refused(user, *passwords)
    return {query["sql"].split()[0] for query in queries}


def test_validate__never_writes(user):
    change(user, "second")
    assert statements_of(user, "first", "second", "fresh") == {"SELECT"}


def test_validate__never_writes_for_a_new_user(user):
    assert statements_of(user, "first", "fresh") == {"SELECT"}


def test_validate__never_writes_when_there_is_something_to_prune(user, configure):
    change(user, *(f"password-{number}" for number in range(9)))
    PasswordEntry.objects.update(created_at=timezone.now() - timedelta(days=100))
    configure({"last": 2, "max_age_days": 30})
    assert statements_of(user, "fresh") == {"SELECT"}


def test_leaked_database__alone_does_not_confirm_a_recorded_password(user):
    change(user, "second")
    assert not check_password("second", entries()[0].encoded)


def test_leaked_database__alone_does_not_confirm_an_inherited_password(user):
    change(user, "second")
    inherited = entries()[1]
    guessed = hashing.recipe_of(inherited.encoded).encode("first")
    assert hashing.seal(guessed, "another key") != inherited.seal
    assert hashing.seal(guessed, "for the tests only") == inherited.seal


def test_leaked_database__does_not_show_that_two_users_share_a_password(user, django_user_model):
    other = django_user_model.objects.create_user("bob", password="first")
    change(user, "second")
    change(other, "second")
    kept = [value for entry in entries() for value in (entry.encoded, entry.seal)]
    assert len(kept) == len(set(kept))


def test_reuse__of_a_password_that_an_administrator_sets_again_moves_it_to_the_front(user, configure):
    configure({"last": 3})
    change(user, "second", "third", "fourth", "second", "fifth", "sixth")
    assert refused(user, "second", "third", "fourth") == ["second"]


def test_reuse__starts_the_age_anew(user, configure):
    configure({"max_age_days": 30})
    change(user, "second", "third")
    PasswordEntry.objects.update(created_at=timezone.now() - timedelta(days=40))
    change(user, "third", "fourth")
    assert refused(user, "third")


def test_reuse__over_and_over_does_not_push_the_others_out(user, configure):
    configure({"last": 3})
    change(user, "second", "third", *["fourth"] * 10)
    assert refused(user, "second", "third", "fourth") == ["second", "third", "fourth"]


@pytest.mark.parametrize("last", [24, 25, 60])
def test_last__may_be_any_number(user, configure, last):
    configure({"last": last})
    passwords = [f"password-{number}" for number in range(last)]
    change(user, *passwords)
    assert refused(user, *passwords) == passwords
