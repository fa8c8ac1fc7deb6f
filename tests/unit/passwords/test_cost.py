"""How many slow hashes and queries a check costs, counted in the hash function itself."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.unit.passwords.conftest import change, entries, refused
from tests.unit.passwords.hashers import DearerPBKDF2, path

LENGTHS = pytest.mark.parametrize("last", [1, 10, 24])


@pytest.fixture
def long_history(user, configure, request):
    """Return a function that fills the history with as many passwords as it holds."""

    def fill(last: int) -> User:
        configure({"last": last})
        change(user, *(f"password-{number}" for number in range(last)))
        return user

    return fill


def cost(slow_hashes, user, password="fresh"):
    slow_hashes.clear()
    refused(user, password)
    return len(slow_hashes)


def set_without_hook(user, password):
    other = User()
    other.set_password(password)
    User.objects.filter(pk=user.pk).update(password=other.password)
    user.refresh_from_db()


def test_cost__without_history_is_the_current_password(user, slow_hashes):
    assert cost(slow_hashes, user) == 1


@LENGTHS
def test_cost__of_a_full_history_is_one(long_history, slow_hashes, last):
    assert cost(slow_hashes, long_history(last)) == 1


@LENGTHS
def test_cost__of_a_full_history_is_full(long_history, last):
    long_history(last)
    assert len(entries()) == last


@LENGTHS
def test_cost__of_a_refused_password_is_the_same(long_history, slow_hashes, last):
    assert cost(slow_hashes, long_history(last), "password-0") == 1


def test_cost__with_the_password_from_before_the_installation_is_two(user, slow_hashes):
    change(user, "second")
    assert cost(slow_hashes, user) == 2


@LENGTHS
def test_cost__with_a_current_password_set_without_the_hook_is_at_most_two(long_history, slow_hashes, last):
    user = long_history(last)
    set_without_hook(user, "imported")
    assert cost(slow_hashes, user) == min(last, 2)


def test_cost__with_both_is_two(user, slow_hashes):
    change(user, "second")
    set_without_hook(user, "imported")
    assert cost(slow_hashes, user) == 2


def test_cost__with_an_unusable_password_is_two(user, slow_hashes):
    change(user, "second")
    user.set_unusable_password()
    user.save()
    assert cost(slow_hashes, user) == 2


def test_cost__of_a_user_that_is_being_created_is_none(db, slow_hashes):
    assert cost(slow_hashes, User(username="new")) == 0


def test_cost__of_an_unusable_password_without_history_is_none(db, slow_hashes):
    assert cost(slow_hashes, User.objects.create_user("sso")) == 0


def test_cost__of_an_outdated_current_password_is_still_one(user, settings, slow_hashes):
    settings.PASSWORD_HASHERS = [path(DearerPBKDF2)]
    assert cost(slow_hashes, user) == 1


def test_cost__of_a_change_is_one_beside_djangos_own(long_history, slow_hashes):
    user = long_history(10)
    slow_hashes.clear()
    change(user, "next")
    assert len(slow_hashes) == 2


def test_cost__of_a_change_with_three_validators_is_the_same(user, configure, slow_hashes):
    configure({"last": 3}, {"last": 5}, {"last": 4})
    change(user, "second")
    slow_hashes.clear()
    change(user, "third")
    assert len(slow_hashes) == 2


@LENGTHS
def test_cost__what_is_hashed_slowly_is_never_the_password_itself(long_history, slow_hashes, last):
    user = long_history(last)
    slow_hashes.clear()
    refused(user, "fresh")
    assert "fresh" not in slow_hashes


@LENGTHS
def test_queries__a_check_reads_once(long_history, django_assert_num_queries, last):
    user = long_history(last)
    with django_assert_num_queries(1):
        refused(user, "fresh")


@LENGTHS
def test_queries__a_change_does_not_grow_with_the_history(long_history, last):
    user = long_history(last)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        change(user, "next")
    statements = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert statements == [
        "SELECT",  # the entries, for the salt: the slow hash comes before any lock
        "UPDATE",  # the lock of the user
        "SELECT",  # the password that is about to be replaced
        "UPDATE",  # Django saves the user
        "UPDATE",  # the lock of the history
        "SELECT",  # the history
        "SELECT",  # the entries again, under the lock
        "INSERT",
        "DELETE",
    ]


def test_queries__saving_something_else_costs_nothing_more(user, django_assert_num_queries):
    with django_assert_num_queries(1):
        user.save()


def test_queries__creating_a_user_through_the_hook_looks_for_no_earlier_password(db):
    user = User(username="new")
    user.set_password("secret")
    with CaptureQueriesContext(connection) as queries:
        user.save()
    assert not [query["sql"] for query in queries if query["sql"].startswith('SELECT "auth_user"."password"')]
