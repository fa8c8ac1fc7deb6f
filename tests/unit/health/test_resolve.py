"""From entries of OPS_READYZ_CHECKS to checks."""

import pytest
from django.test import override_settings

from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.health import Check
from django_ops.health.resolve import resolve


def ping():
    """A check as an application writes it."""


CHECK = Check("search", ping, critical=False)
NOT_CALLABLE = 7


def names(*entries):
    return [check.name for check in resolve(entries)]


def test_resolve__nothing():
    assert resolve([]) == []


def test_resolve__database_is_every_database():
    assert names("database") == ["database:default"]


def test_resolve__database_with_alias():
    assert names("database:replica") == ["database:replica"]


@override_settings(CACHES={"default": {"BACKEND": "x"}, "sessions": {"BACKEND": "y"}})
def test_resolve__cache_is_every_cache():
    assert names("cache") == ["cache:default", "cache:sessions"]


def test_resolve__cache_with_alias():
    assert names("cache:sessions") == ["cache:sessions"]


def test_resolve__migrations_are_those_of_the_default_database():
    assert names("migrations") == ["migrations:default"]


def test_resolve__broker():
    assert names("broker") == ["broker"]


def test_resolve__dotted_path():
    (check,) = resolve(["tests.unit.health.test_resolve.ping"])
    assert check.run is ping


def test_resolve__callable():
    (check,) = resolve([ping])
    assert check == Check("tests.unit.health.test_resolve.ping", ping)


def test_resolve__check_as_it_is():
    assert resolve([CHECK]) == [CHECK]


def test_resolve__dotted_path_to_a_check():
    assert resolve(["tests.unit.health.test_resolve.CHECK"]) == [CHECK]


def test_resolve__critical_by_default():
    assert all(check.critical for check in resolve(["database", "tests.unit.health.test_resolve.ping"]))


@pytest.mark.parametrize("entry", ["optional:cache", "optional:cache:default", "optional:database"])
def test_resolve__optional(entry):
    assert not any(check.critical for check in resolve([entry]))


def test_resolve__optional_dotted_path():
    (check,) = resolve(["optional:tests.unit.health.test_resolve.ping"])
    assert not check.critical


def test_resolve__names_are_unique():
    assert names(CHECK, CHECK, CHECK) == ["search", "search 2", "search 3"]


def test_resolve__instance_with_call():
    class Ping:
        def __call__(self):
            pass

    assert names(Ping())[0].endswith("Ping")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("databse", "neither one of database, cache, migrations, broker nor a dotted path"),
        ("nowhere.to.be.found", "cannot be imported"),
        ("tests.unit.health.test_resolve.missing", "cannot be imported"),
        ("tests.unit.health.test_resolve.NOT_CALLABLE", "cannot be called"),
        (7, "cannot be called"),
    ],
)
def test_resolve__bad_entry(entry, told):
    with pytest.raises(ImproperlyConfiguredError, match=told):
        resolve([entry])
