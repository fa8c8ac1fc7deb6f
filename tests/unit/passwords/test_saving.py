"""What is saved with a new password: all of it or nothing, and the password that Django's hook was not told of."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core import serializers
from django.db.models.signals import post_save

from django_ops.passwords import saving
from django_ops.passwords.models import PasswordEntry
from tests.unit.passwords.conftest import change, entries, refused
from tests.unit.passwords.hashers import DearerPBKDF2, path


def import_password(user, password):
    user.password = make_password(password)
    user.save()


def test_inherited__is_kept_without_its_hash(user):
    digest = user.password.rsplit("$", 1)[1]
    change(user, "second")
    assert not [entry for entry in entries() if digest in entry.encoded + entry.seal]


def test_inherited__is_not_made_of_a_recorded_password(user):
    change(user, "second", "third")
    assert [entry.inherited for entry in entries()] == [False, False, True]


def test_inherited__is_not_made_of_an_unusable_password(db):
    user = User.objects.create_user("sso")
    change(user, "second")
    assert [entry.inherited for entry in entries()] == [False]


def test_inherited__is_what_the_database_held_not_the_object(user):
    same = User.objects.get()
    import_password(same, "imported")
    change(user, "second")
    assert refused(user, "first", "imported") == ["imported"]


def test_inherited__newest_one_is_the_only_one(user):
    change(user, "second")
    import_password(user, "imported")
    change(user, "third")
    assert refused(user, "first", "second", "imported", "third") == ["second", "imported", "third"]


def test_inherited__newest_one_takes_the_place_at_once(user):
    change(user, "second")
    import_password(user, "imported")
    assert refused(user, "first", "imported") == ["imported"]


def test_inherited__is_none_when_the_password_was_not_saved_after_all(user):
    user.set_password("second")
    user.save(update_fields=["first_name"])
    user.refresh_from_db()
    assert refused(user, "first", "second") == ["first", "second"]


def test_inherited__fixture_that_is_loaded_over_a_user_records_nothing(user):
    user.set_password("second")
    for loaded in serializers.deserialize("json", serializers.serialize("json", [user])):
        loaded.save()
    assert not entries()


def test_inherited__user_that_is_created_through_the_hook_has_none(db):
    user = User(username="new")
    user.set_password("secret")
    user.save()
    assert [entry.inherited for entry in entries()] == [False]


def test_change__that_fails_on_its_way_leaves_nothing(user):
    def refuse(instance, **kwargs):
        raise ValueError("not today")

    post_save.connect(refuse, sender=User)
    try:
        with pytest.raises(ValueError, match="not today"):
            change(user, "second")
    finally:
        post_save.disconnect(refuse, sender=User)
    assert refused(User.objects.get(), "first", "second") == ["first"]
    assert not entries()
    assert not hasattr(user, saving.DRAFT)


def test_upgrade__of_an_entry_that_a_change_has_deleted_meanwhile_lets_the_user_in(user, settings, monkeypatch):
    change(user, "second")
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    read = saving.entries_of

    def read_too_early(*arguments):
        found = read(*arguments)
        PasswordEntry.objects.all().delete()
        return found

    monkeypatch.setattr(saving, "entries_of", read_too_early)
    assert authenticate(username="ann", password="second") == user
