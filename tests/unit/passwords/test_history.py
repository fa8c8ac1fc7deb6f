"""What is refused, and what is kept."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from django_ops.passwords import hashing
from django_ops.passwords.models import PasswordEntry, PasswordHistory
from django_ops.passwords.validators import PasswordHistoryValidator
from tests.unit.passwords.conftest import change, entries, refused

TEN = [f"password-{number}" for number in range(10)]


def test_validate__fresh_password_is_free(user):
    change(user, "second")
    assert not refused(user, "third")


def test_validate__current_password_is_refused_before_any_history_exists(user):
    assert refused(user, "first")


def test_validate__current_password_is_refused_after_a_change(user):
    change(user, "second")
    assert refused(user, "second")


def test_validate__password_from_before_the_installation_is_refused_after_the_change(user):
    change(user, "second")
    assert refused(user, "first")


def test_validate__last_n_are_refused(user):
    change(user, *TEN)
    assert refused(user, *TEN) == TEN


def test_validate__one_more_than_n_ago_is_free(user):
    change(user, *TEN, "eleventh")
    assert refused(user, *TEN) == TEN[1:]


def test_validate__password_from_before_the_installation_counts_among_n(user):
    change(user, *TEN[:9])
    assert refused(user, "first")
    change(user, TEN[9])
    assert not refused(user, "first")


def test_validate__last_one_refuses_the_current_password_only(user, configure):
    configure({"last": 1})
    change(user, "second")
    assert refused(user, "first", "second") == ["second"]


def test_validate__password_set_without_the_hook_is_refused(user):
    change(user, "second")
    other = User(password="")
    other.set_password("imported")
    User.objects.update(password=other.password)
    user.refresh_from_db()
    assert refused(user, "imported", "second") == ["imported", "second"]


def test_validate__password_set_without_the_hook_takes_one_of_the_places(user, configure):
    configure({"last": 2})
    change(user, "second", "third")
    other = User()
    other.set_password("imported")
    User.objects.update(password=other.password)
    user.refresh_from_db()
    assert refused(user, "imported", "third", "second") == ["imported", "third"]


def test_validate__after_set_password_compares_with_the_stored_password(user):
    user.set_password("second")
    assert refused(user, "first", "second") == ["first"]


def test_validate__case_and_spaces_make_another_password(user):
    change(user, "Second")
    assert not refused(user, "second", "Second ", " Second")


def test_validate__password_is_compared_as_typed_not_normalised(user):
    change(user, "caf\u00e9")
    assert refused(user, "caf\u00e9", "cafe\u0301") == ["caf\u00e9"]


@pytest.mark.parametrize("password", ["", "%(last)d %s {}", "\x00", "пароль-密码-🔑", "x" * 100_000])
def test_validate__any_string_is_a_password(user, password):
    change(user, password, "next")
    assert refused(user, password)


@pytest.mark.parametrize("encoded", ["", "!unusable", "nonsense", "gone$salt$hash"])
def test_validate__user_without_a_password_that_can_be_checked(user, encoded):
    User.objects.update(password=encoded)
    user.refresh_from_db()
    assert not refused(user, "", "anything", encoded)


def test_validate__history_outlives_an_unusable_password(user):
    change(user, "second")
    user.set_unusable_password()
    user.save()
    assert refused(user, "second", "first") == ["second", "first"]


def test_validate__histories_of_users_are_separate(user):
    other = User.objects.create_user("bob", password="first")
    change(user, "second")
    assert not refused(other, "second")


def test_validate__request_user_is_a_lazy_object(user):
    change(user, "second")
    assert refused(SimpleLazyObject(lambda: user), "first")


def test_validate__inactive_user_has_a_history(user):
    user.is_active = False
    change(user, "second")
    assert refused(user, "first")


def test_max_age__frees_a_password_out_of_use_for_that_long(user, configure):
    configure({"max_age_days": 30})
    change(user, "second", "third")
    PasswordEntry.objects.update(created_at=timezone.now() - timedelta(days=30))
    assert refused(user, "first", "second", "third") == ["third"]


def test_max_age__password_replaced_today_is_young_however_old_it_is(user, configure):
    configure({"max_age_days": 30})
    change(user, "second")
    PasswordEntry.objects.update(created_at=timezone.now() - timedelta(days=3000))
    change(user, "third")
    assert refused(user, "first", "second", "third") == ["second", "third"]


def test_max_age__works_without_time_zones(db, configure, settings):
    settings.USE_TZ = False
    configure({"max_age_days": 30})
    user = User.objects.create_user("ann", password="first")
    change(user, "second")
    assert refused(user, "first")


def test_record__keeps_no_more_than_n(user, configure):
    configure({"last": 3})
    change(user, *TEN)
    assert len(entries()) == 3


def test_record__deletes_what_is_too_old(user, configure):
    configure({"max_age_days": 30})
    change(user, "second", "third")
    PasswordEntry.objects.update(created_at=timezone.now() - timedelta(days=31))
    change(user, "fourth")
    assert len(entries()) == 2


def test_record__a_smaller_n_shortens_the_history_at_the_next_change(user, configure):
    change(user, *TEN)
    configure({"last": 2})
    change(user, "next")
    assert len(entries()) == 2


def test_record__keeps_the_time_of_the_change(user):
    before = timezone.now()
    change(user, "second")
    assert before <= PasswordHistory.objects.get().changed_at <= timezone.now()


def test_record__same_password_again_is_not_a_second_entry(user):
    change(user, "second", "second", "second")
    assert [entry.inherited for entry in entries()] == [False, True]


def test_record__outside_of_save_adds_a_password(user):
    validator = PasswordHistoryValidator()
    for password in ("imported-1", "imported-2"):
        validator.password_changed(password, user)
    assert refused(user, "imported-1", "imported-2") == ["imported-1", "imported-2"]


def test_record__outside_of_save_leaves_the_current_password_refused(user):
    PasswordHistoryValidator().password_changed("imported", user)
    assert refused(user, "first")


def test_record__outside_of_save_twice_is_one_entry(user):
    for _ in range(2):
        PasswordHistoryValidator().password_changed("imported", user)
    assert len(entries()) == 1


def test_record__user_that_is_not_saved_yet_is_left_alone(db):
    PasswordHistoryValidator().password_changed("secret", User(pk=12345))
    assert not entries()


def test_record__save_of_something_else_adds_nothing(user):
    user.first_name = "Ann"
    user.save()
    assert not entries()


def test_record__failed_save_adds_nothing(user):
    change(user, "second")
    user.set_password("third")
    user.username = None
    with pytest.raises(IntegrityError), transaction.atomic():
        user.save()
    assert len(entries()) == 2


def test_record__text_of_nothing_kept_contains_the_password(user):
    change(user, "second")
    kept = [*PasswordHistory.objects.values(), *PasswordEntry.objects.values()]
    assert "second" not in repr(kept)


def test_record__entries_of_one_user_share_a_salt(user):
    change(user, *TEN)
    assert len({entry.encoded.split("$")[2] for entry in entries() if not entry.inherited}) == 1


def test_record__salts_of_two_users_differ(user):
    other = User.objects.create_user("bob", password="first")
    change(user, "second")
    change(other, "second")
    assert len({entry.encoded for entry in entries() if not entry.inherited}) == 2


def test_record__salt_is_not_that_of_the_password_column(user):
    change(user, "second")
    assert entries()[0].encoded.split("$")[2] != user.password.split("$")[2]


@pytest.fixture
def change_in_between(user, monkeypatch):
    """Let another process change the password to "between" while the next change is being hashed."""
    encode_next = hashing.encode_next

    def encode_while_another_changes(*args):
        monkeypatch.setattr(hashing, "encode_next", encode_next)
        change(User.objects.get(), "between")
        return encode_next(*args)

    monkeypatch.setattr(hashing, "encode_next", encode_while_another_changes)


def test_record__another_change_in_between_is_not_lost(user, change_in_between):
    change(user, "second")
    assert refused(user, "between", "second") == ["between", "second"]


def test_record__another_change_in_between_shares_the_salt(user, change_in_between):
    change(user, "second")
    assert len({entry.encoded.split("$")[2] for entry in entries() if not entry.inherited}) == 1
