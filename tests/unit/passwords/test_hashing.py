"""Repeating a hash, and choosing the one for the next entry."""

import logging

import pytest
from django.contrib.auth import hashers

from django_ops.passwords import hashing
from tests.unit.passwords.hashers import (
    DearerPBKDF2,
    DearestPBKDF2,
    Opaque,
    OwnAlgorithm,
    QuickArgon2,
    QuickBCrypt,
    QuickBCryptSHA256,
    QuickPBKDF2,
    QuickScrypt,
    path,
)

PBKDF2_SHA1 = type("QuickPBKDF2SHA1", (hashers.PBKDF2SHA1PasswordHasher,), {"iterations": 10})
ALL = [
    QuickPBKDF2,
    PBKDF2_SHA1,
    QuickScrypt,
    QuickArgon2,
    QuickBCryptSHA256,
    QuickBCrypt,
    hashers.MD5PasswordHasher,
]

all_hashers = pytest.mark.parametrize("hasher", ALL, ids=lambda hasher: hasher.algorithm)


def encoded_with(hasher, password="secret"):
    return hasher().encode(password, hasher().salt())


@all_hashers
def test_recipe__repeats_a_hash(settings, hasher):
    encoded = encoded_with(hasher)
    assert hashing.recipe_of(encoded).encode("secret") == encoded


@all_hashers
def test_recipe__of_another_password_gives_another_hash(hasher):
    encoded = encoded_with(hasher)
    assert hashing.recipe_of(encoded).encode("Secret") != encoded


@all_hashers
def test_recipe__needs_the_setting_only(hasher):
    encoded = encoded_with(hasher)
    assert hashing.recipe_of(hashing.recipe_of(encoded).setting).encode("secret") == encoded


@all_hashers
def test_setting__is_without_the_hash(hasher):
    setting = hashing.recipe_of(encoded_with(hasher)).setting
    assert setting == hashing.recipe_of(hashing.recipe_of(setting).encode("other")).setting


@all_hashers
def test_recipe__leaves_the_hasher_of_django_as_it_was(settings, hasher):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    hashing.recipe_of(encoded_with(hasher))
    assert hashers.get_hasher().iterations == DearerPBKDF2.iterations


@pytest.mark.parametrize("encoded", ["", "nonsense", "pbkdf2_sha256$", "argon2$x", "scrypt$1", "!unusable"])
def test_recipe__of_what_is_no_hash_is_none(encoded):
    assert hashing.recipe_of(encoded) is None


def test_recipe__of_an_unknown_algorithm_is_logged_once(caplog):
    with caplog.at_level(logging.WARNING):
        hashing.recipe_of("gone$salt$hash")
        hashing.recipe_of("gone$salt$other")
    assert [record.getMessage() for record in caplog.records] == [
        "Passwords hashed with 'gone' are left out of the password history:"
        " it is neither in PASSWORD_HASHERS nor part of Django"
    ]


def test_recipe__of_a_hasher_that_tells_too_little_is_none(settings):
    settings.PASSWORD_HASHERS = [path(Opaque)]
    assert hashing.recipe_of(encoded_with(Opaque)) is None


def test_recipe__without_the_library_of_the_hasher_is_none(monkeypatch):
    encoded = encoded_with(QuickArgon2)
    monkeypatch.setattr(hashers.Argon2PasswordHasher, "library", "no_such_library")
    assert hashing.recipe_of(encoded) is None


def test_recipe__of_a_hasher_derived_from_djangos_repeats_it(settings):
    settings.PASSWORD_HASHERS = [path(OwnAlgorithm)]
    encoded = encoded_with(OwnAlgorithm)
    assert hashing.recipe_of(encoded).encode("secret") == encoded


def test_next__first_entry_draws_a_salt():
    assert hashing.encode_next("secret", []) != hashing.encode_next("secret", [])


def test_next__equal_password_gives_an_equal_entry():
    newest = hashing.encode_next("secret", [])
    assert hashing.encode_next("secret", [newest]) == newest


def test_next__is_written_with_the_preferred_hasher(settings):
    earlier = encoded_with(QuickPBKDF2)
    settings.PASSWORD_HASHERS = [path(QuickScrypt), path(QuickPBKDF2)]
    assert hashing.encode_next("secret", [earlier]).startswith("scrypt$")


def test_next__takes_over_a_changed_cost(settings):
    earlier = encoded_with(QuickPBKDF2)
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    assert hashing.encode_next("secret", [earlier]).startswith("pbkdf2_sha256$20$")


def test_next__waits_with_a_third_cost_while_there_are_two(settings):
    earlier = [encoded_with(DearerPBKDF2), encoded_with(QuickPBKDF2)]
    settings.PASSWORD_HASHERS = [path(DearestPBKDF2)]
    assert hashing.encode_next("secret", earlier).startswith("pbkdf2_sha256$20$")


def test_next__does_not_wait_with_another_algorithm(settings):
    earlier = [encoded_with(DearerPBKDF2), encoded_with(QuickPBKDF2)]
    settings.PASSWORD_HASHERS = [path(QuickScrypt)]
    assert hashing.encode_next("secret", earlier).startswith("scrypt$")


def test_next__with_a_preferred_hasher_that_tells_too_little_is_pbkdf2(settings, monkeypatch):
    settings.PASSWORD_HASHERS = [path(Opaque)]
    monkeypatch.setattr(hashers.PBKDF2PasswordHasher, "iterations", 10)
    assert hashing.encode_next("secret", []).startswith("pbkdf2_sha256$10$")


def test_next__after_an_entry_that_cannot_be_repeated_draws_a_salt():
    assert hashing.encode_next("secret", ["gone$salt$hash"]).startswith("pbkdf2_sha256$")


def test_pepper__is_short_whatever_the_password():
    assert len(hashing.pepper("x" * 1_000_000, "key")) == 64


def test_pepper__depends_on_the_key():
    assert hashing.pepper("secret", "key") != hashing.pepper("secret", "other")


def test_pepper__is_not_the_seal():
    assert hashing.pepper("secret", "key") != hashing.seal("secret", "key")


def test_secrets__name_the_key_of_new_entries_first(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old", b"older"]
    assert list(hashing.secrets_by_id().values()) == ["new", "old", b"older"]


def test_key_id__does_not_contain_the_key(settings):
    settings.SECRET_KEY = "short"
    assert "short" not in "".join(hashing.secrets_by_id())


def test_verify__of_a_hash_without_hasher_is_false():
    assert hashing.verify("secret", "gone$salt$hash") is False


def test_outdated__is_false_for_a_hash_without_hasher():
    assert hashing.is_outdated("gone$salt$hash") is False
