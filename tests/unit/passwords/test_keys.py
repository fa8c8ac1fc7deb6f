"""A changed SECRET_KEY or PASSWORD_HASHERS: what stays usable, and what it costs."""

import pytest
from django.contrib.auth import authenticate, hashers
from django.contrib.auth.models import User

from django_ops.passwords import hashing
from tests.unit.passwords.conftest import change, entries, refused
from tests.unit.passwords.hashers import (
    DearerPBKDF2,
    DearestPBKDF2,
    Opaque,
    OwnAlgorithm,
    QuickArgon2,
    QuickBCryptSHA256,
    QuickPBKDF2,
    QuickScrypt,
    path,
)

FAMILIES = [
    DearerPBKDF2,
    QuickScrypt,
    QuickArgon2,
    QuickBCryptSHA256,
    OwnAlgorithm,
    Opaque,
    hashers.MD5PasswordHasher,
]
OTHERS = [f"other-{number}" for number in range(10)]


@pytest.fixture(autouse=True)
def affordable_pbkdf2(monkeypatch):
    """Make Django's own hasher quick: it stands in for those that cannot be repeated."""
    monkeypatch.setattr(hashers.PBKDF2PasswordHasher, "iterations", 10)


def rotate(settings, *, keep: bool):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS] if keep else []
    settings.SECRET_KEY = settings.SECRET_KEY + " rotated"


def cost(slow_hashes, user):
    slow_hashes.clear()
    refused(user, "fresh")
    return len(slow_hashes)


@pytest.fixture
def seasoned(user, configure):
    """A user whose history holds recorded passwords only."""
    configure({"last": 3})
    change(user, "second", "third", "fourth")
    return user


def test_key__kept_as_fallback_still_refuses_the_last_passwords(seasoned, settings):
    rotate(settings, keep=True)
    assert refused(seasoned, "second", "third", "fourth") == ["second", "third", "fourth"]


def test_key__kept_as_fallback_still_refuses_the_inherited_password(user, settings):
    change(user, "second")
    rotate(settings, keep=True)
    assert refused(user, "first")


def test_key__kept_as_fallback_is_bytes(user, settings):
    settings.SECRET_KEY = b"bytes"
    change(user, "second")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "text", [b"bytes"]
    assert refused(user, "second", "first") == ["second", "first"]


def test_key__new_entries_are_made_with_the_new_one(seasoned, settings):
    rotate(settings, keep=True)
    change(seasoned, "fifth")
    settings.SECRET_KEY_FALLBACKS = []
    assert refused(seasoned, "fifth", "fourth") == ["fifth"]


def test_key__removed_leaves_the_current_password_refused(seasoned, settings):
    rotate(settings, keep=False)
    assert refused(seasoned, "second", "third", "fourth") == ["fourth"]


def test_key__removed_and_put_back_brings_its_entries_back(seasoned, settings, configure):
    configure({"last": 5})
    rotate(settings, keep=False)
    change(seasoned, "fifth")
    settings.SECRET_KEY_FALLBACKS = ["for the tests only"]
    assert refused(seasoned, "third", "fourth", "fifth") == ["third", "fourth", "fifth"]


def test_key__entries_of_a_removed_one_go_with_time(seasoned, settings):
    rotate(settings, keep=False)
    change(seasoned, "fifth", "sixth", "seventh")
    assert {entry.key_id for entry in entries()} == set(hashing.secrets_by_id())


def test_key__fallback_that_no_entry_uses_costs_nothing(seasoned, settings, slow_hashes):
    settings.SECRET_KEY_FALLBACKS = ["older", "oldest"]
    assert cost(slow_hashes, seasoned) == 1


def test_key__after_a_rotation_costs_nothing_more_at_first(seasoned, settings, slow_hashes):
    rotate(settings, keep=True)
    assert cost(slow_hashes, seasoned) == 1


def test_key__each_in_use_costs_one(seasoned, settings, slow_hashes):
    rotate(settings, keep=True)
    change(seasoned, "fifth")
    assert cost(slow_hashes, seasoned) == 2


def test_key__that_has_left_the_history_costs_nothing(seasoned, settings, slow_hashes):
    rotate(settings, keep=True)
    change(seasoned, "fifth", "sixth", "seventh")
    assert cost(slow_hashes, seasoned) == 1


def test_key__in_the_settings_twice_costs_once(seasoned, settings, slow_hashes):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    assert cost(slow_hashes, seasoned) == 1


@pytest.mark.parametrize("hasher", FAMILIES, ids=lambda hasher: hasher.algorithm)
def test_hasher__any_refuses_the_last_passwords(user, settings, hasher):
    settings.PASSWORD_HASHERS = [path(hasher), path(QuickPBKDF2)]
    change(user, "second", "third")
    assert refused(user, "first", "second", "third", "fresh") == ["first", "second", "third"]


@pytest.mark.parametrize("hasher", [*FAMILIES[:4], FAMILIES[6]], ids=lambda hasher: hasher.algorithm)
def test_hasher__any_that_an_inherited_password_has_is_remembered(user, settings, hasher):
    settings.PASSWORD_HASHERS = [path(hasher)]
    user = User.objects.create_user("bob", password="first")
    change(user, "second")
    assert refused(user, "first")


def test_hasher__inherited_password_of_one_that_tells_too_little_is_let_go(settings, db):
    settings.PASSWORD_HASHERS = [path(Opaque)]
    user = User.objects.create_user("bob", password="first")
    change(user, "second")
    assert refused(user, "first", "second") == ["second"]


@pytest.mark.parametrize("hasher", FAMILIES, ids=lambda hasher: hasher.algorithm)
def test_hasher__change_keeps_old_entries_usable(seasoned, settings, hasher):
    settings.PASSWORD_HASHERS = [path(hasher), path(QuickPBKDF2)]
    change(seasoned, "fifth")
    assert refused(seasoned, "third", "fourth", "fifth") == ["third", "fourth", "fifth"]


@pytest.mark.parametrize("hasher", [*FAMILIES[:4], FAMILIES[6]], ids=lambda hasher: hasher.algorithm)
def test_hasher__that_has_left_the_settings_is_still_used_for_its_entries(user, settings, hasher):
    settings.PASSWORD_HASHERS = [path(hasher)]
    change(user, "second")
    settings.PASSWORD_HASHERS = [path(OwnAlgorithm)]
    change(user, "third")
    assert refused(user, "second", "third") == ["second", "third"]


def test_hasher__of_the_project_that_has_left_the_settings_is_ignored(user, settings):
    settings.PASSWORD_HASHERS = [path(OwnAlgorithm)]
    change(user, "second")
    settings.PASSWORD_HASHERS = [path(QuickPBKDF2)]
    change(user, "third")
    assert refused(user, "second", "third") == ["third"]


def test_hasher__changed_cost_costs_one_more(seasoned, settings, slow_hashes):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    change(seasoned, "fifth")
    assert cost(slow_hashes, seasoned) == 2


def test_hasher__changed_twice_costs_one_more_still(seasoned, settings, slow_hashes):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    change(seasoned, "fifth")
    settings.PASSWORD_HASHERS = [path(DearestPBKDF2)]
    change(seasoned, "sixth")
    assert cost(slow_hashes, seasoned) == 2


def test_hasher__the_history_converges_to_the_preferred_one(seasoned, settings, slow_hashes):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    change(seasoned, "fifth")
    settings.PASSWORD_HASHERS = [path(DearestPBKDF2)]
    change(seasoned, *OTHERS)
    assert {entry.encoded.split("$")[1] for entry in entries()} == {"30"}


def test_upgrade__at_sign_in_costs_nothing_more_afterwards(seasoned, settings, slow_hashes):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    user = authenticate(username="ann", password="fourth")
    assert cost(slow_hashes, user) == 1


def test_upgrade__at_sign_in_keeps_the_inherited_password(user, settings):
    change(user, "second")
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    user = authenticate(username="ann", password="second")
    change(user, "third")
    assert refused(user, "first", "second", "third") == ["first", "second", "third"]


def test_upgrade__at_sign_in_adds_no_entry(seasoned, settings):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    authenticate(username="ann", password="fourth")
    assert len(entries()) == 3


def test_upgrade__before_any_history_is_no_matter(user, settings):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    user = authenticate(username="ann", password="first")
    change(user, "second")
    assert refused(user, "first", "second") == ["first", "second"]


def test_upgrade__other_password_saved_in_its_manner_is_not_taken_for_one(user):
    change(user, "second")
    user.password = hashers.make_password("imported")
    user.save(update_fields=["password"])
    assert refused(user, "imported")


def test_upgrade__other_password_saved_over_an_outdated_hash_is_not_taken_for_one(seasoned, settings):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    user = User.objects.get()
    user.password = hashers.make_password("imported")
    user.save(update_fields=["password"])
    assert refused(user, "imported")


def test_upgrade__of_a_password_whose_replacement_was_not_saved_leaves_it_refused(user, settings):
    user.set_password("second")
    user.save(update_fields=["first_name"])
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    user = authenticate(username="ann", password="first")
    assert refused(user, "first", "second") == ["first", "second"]


def test_upgrade__under_a_removed_key_leaves_the_current_password_refused(seasoned, settings):
    rotate(settings, keep=False)
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    assert refused(authenticate(username="ann", password="fourth"), "fourth")
