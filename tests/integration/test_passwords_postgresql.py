"""The password history in a real PostgreSQL, which is not the default database: concurrent changes, and the schema."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from django_ops.passwords.models import PasswordEntry, PasswordHistory

ALIAS = "postgresql"
THREADS = 8
DEADLINE_SECONDS = 60


@pytest.fixture(scope="module")
def tables(postgresql, django_db_blocker) -> Iterator[None]:
    """A database of its own in the server, migrated; the default one stays empty, so that any use of it fails."""
    where = {"host": postgresql.host, "port": postgresql.port, "user": postgresql.user}
    with psycopg.connect(**where, dbname=postgresql.database, autocommit=True) as connection:
        connection.execute("CREATE DATABASE passwords")
    settings = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "passwords",
        "HOST": postgresql.host,
        "PORT": postgresql.port,
        "USER": postgresql.user,
        "PASSWORD": postgresql.password,
    }
    connections.databases[ALIAS] = connections.configure_settings({"default": settings})["default"]
    with django_db_blocker.unblock():
        call_command("migrate", database=ALIAS, verbosity=0)
        yield
        connections[ALIAS].close()
    del connections[ALIAS]
    del connections.databases[ALIAS]


@pytest.fixture
def user(tables, settings) -> Iterator[User]:
    """A user with the password "first", and no history."""
    validator = "django_ops.passwords.validators.PasswordHistoryValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": validator}]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    yield User.objects.db_manager(ALIAS).create_user("ann", password="first")
    User.objects.using(ALIAS).all().delete()


def change(user: User, password: str) -> None:
    user.set_password(password)
    user.save()


def change_with_a_row_of_its_own(password: str) -> None:
    change(User.objects.using(ALIAS).get(), password)


def refused(*passwords: str) -> list[str]:
    user = User.objects.using(ALIAS).get()
    found = []
    for password in passwords:
        try:
            validate_password(password, user)
        except ValidationError:
            found.append(password)
    return found


def entries() -> list[PasswordEntry]:
    return list(PasswordEntry.objects.using(ALIAS).all())


def at_once(act: Callable[[str], None], passwords: list[str]) -> None:
    """Call `act` with each of `passwords`, all at the same time; raise what any of them raises."""
    barrier = Barrier(len(passwords))

    def run(password: str) -> None:
        try:
            barrier.wait(DEADLINE_SECONDS)
            act(password)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(passwords)) as threads:
        for outcome in [threads.submit(run, password) for password in passwords]:
            outcome.result(DEADLINE_SECONDS)


def names(prefix: str) -> list[str]:
    return [f"{prefix}-{number}" for number in range(THREADS)]


def test_history__is_kept_where_the_user_is(user):
    change(user, "second")
    assert refused("first", "second", "third") == ["first", "second"]


def test_first_changes__at_once_are_all_refused(user):
    at_once(change_with_a_row_of_its_own, names("password"))
    assert refused(*names("password")) == names("password")


def test_first_changes__at_once_make_one_history(user):
    at_once(change_with_a_row_of_its_own, names("password"))
    assert PasswordHistory.objects.using(ALIAS).count() == 1


def test_first_changes__at_once_share_one_salt(user):
    at_once(change_with_a_row_of_its_own, names("password"))
    assert len({entry.encoded.split("$")[1] for entry in entries() if not entry.inherited}) == 1


def test_first_changes__at_once_inherit_one_password_at_most(user):
    at_once(change_with_a_row_of_its_own, names("password"))
    assert sum(entry.inherited for entry in entries()) <= 1


def test_changes__at_once_never_leave_more_than_n(user):
    for turn in ("one", "two", "three"):
        at_once(change_with_a_row_of_its_own, names(turn))
    assert len(entries()) == 10


def test_changes__at_once_keep_the_latest(user):
    for turn in ("one", "two", "three"):
        at_once(change_with_a_row_of_its_own, names(turn))
    assert refused(*names("three")) == names("three")


def test_changes__at_once_to_the_same_password_are_one_entry(user):
    change(user, "second")
    at_once(change_with_a_row_of_its_own, ["third"] * THREADS)
    assert len([entry for entry in entries() if not entry.inherited]) == 2


def test_changes__at_once_in_transactions_are_all_refused(user):
    def change_in_a_transaction(password: str) -> None:
        with transaction.atomic(using=ALIAS):
            change_with_a_row_of_its_own(password)

    at_once(change_in_a_transaction, names("password"))
    assert refused(*names("password")) == names("password")


def test_change__that_is_rolled_back_leaves_nothing(user):
    with transaction.atomic(using=ALIAS):
        change(user, "second")
        transaction.set_rollback(True, using=ALIAS)
    assert refused("first", "second") == ["first"]
    assert not entries()


def test_changepassword__of_another_database_records_there(user, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda *args, **kwargs: "second")
    call_command("changepassword", "ann", database=ALIAS, stdout=io.StringIO())
    assert refused("first", "second") == ["first", "second"]


def test_user__deleted_takes_the_history_along(user):
    change(user, "second")
    user.delete()
    assert not PasswordHistory.objects.using(ALIAS).exists()
    assert not entries()


def test_user__deleted_by_a_queryset_takes_the_history_along(user):
    change(user, "second")
    User.objects.using(ALIAS).filter(username="ann").delete()
    assert not PasswordHistory.objects.using(ALIAS).exists()
    assert not entries()


def test_user__deleted_past_django_is_refused_by_the_database(user):
    change(user, "second")
    with pytest.raises(IntegrityError):
        User.objects.using(ALIAS).all()._raw_delete(ALIAS)


def test_migrations__can_be_taken_back_and_applied_again(user):
    call_command("migrate", "ops_passwords", "zero", database=ALIAS, verbosity=0)
    call_command("migrate", "ops_passwords", database=ALIAS, verbosity=0)
    applied = MigrationRecorder(connections[ALIAS]).applied_migrations()
    assert ("ops_passwords", "0001_initial") in applied
