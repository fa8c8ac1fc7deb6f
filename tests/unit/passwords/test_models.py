"""The tables: what goes with a user, what can be dumped, and that the migration is complete."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError

from django_ops.passwords.models import PasswordEntry, PasswordHistory
from tests.unit.passwords.conftest import change, entries, refused


def test_user__deleted_takes_the_history_along(user):
    change(user, "second")
    user.delete()
    assert not PasswordHistory.objects.exists()
    assert not PasswordEntry.objects.exists()


def test_user__deleted_by_a_queryset_takes_the_history_along(user):
    change(user, "second")
    User.objects.filter(username="ann").delete()
    assert not PasswordHistory.objects.exists()
    assert not PasswordEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_user__deleted_past_django_is_refused_by_the_database():
    user = User.objects.create_user("ann", password="first")
    change(user, "second")
    with pytest.raises(IntegrityError):
        User.objects.all()._raw_delete("default")


def test_user__deleted_leaves_the_histories_of_others(user):
    other = User.objects.create_user("bob", password="first")
    change(user, "second")
    change(other, "second")
    user.delete()
    assert refused(other, "first", "second") == ["first", "second"]


def test_user__deleted_object_has_no_history(user):
    change(user, "second")
    user.delete()
    assert not refused(user, "second")


def test_history__deleted_forgets_all_but_the_current_password(user):
    change(user, "second")
    PasswordHistory.objects.filter(user=user).delete()
    assert refused(user, "first", "second") == ["second"]


def test_dump__loaded_elsewhere_refuses_the_same_passwords(user, tmp_path):
    change(user, "second", "third")
    file = str(tmp_path / "dump.json")
    call_command("dumpdata", "auth.user", "ops_passwords", output=file)
    user.delete()
    call_command("loaddata", file, verbosity=0)
    assert refused(User.objects.get(), "first", "second", "third") == ["first", "second", "third"]


def test_migrations__are_complete(db):
    call_command("makemigrations", "ops_passwords", check=True, dry_run=True, verbosity=0)


def test_text__of_a_history_names_the_key_of_the_user(user):
    change(user, "second")
    assert str(PasswordHistory.objects.get()) == f"Password history of user {user.pk}"


def test_text__of_an_entry_shows_nothing_of_the_password(user):
    change(user, "second")
    assert str(entries()[0]) == f"Password entry {entries()[0].pk}"
