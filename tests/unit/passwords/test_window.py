"""The window: the last N, and the age of an entry."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from django_ops.passwords.window import Window

NOW = datetime(2030, 1, 31, tzinfo=UTC)


@dataclass
class Entry:
    created_at: datetime


def entries_of_ages(*days: int) -> list[Entry]:
    return [Entry(NOW - timedelta(days=age)) for age in days]


def test_window__keeps_the_last_n():
    entries = entries_of_ages(1, 2, 3)
    assert Window(2).of(entries, NOW) == entries[:2]


def test_window__keeps_all_when_there_are_fewer():
    entries = entries_of_ages(1, 2, 3)
    assert Window(10).of(entries, NOW) == entries


def test_window__is_empty_without_entries():
    assert Window(10, timedelta(days=1)).of([], NOW) == []


def test_max_age__never_frees_the_newest_entry():
    entries = entries_of_ages(400)
    assert Window(10, timedelta(days=30)).of(entries, NOW) == entries


def test_max_age__counts_from_when_the_password_went_out_of_use():
    entries = entries_of_ages(1, 400)
    assert Window(10, timedelta(days=30)).of(entries, NOW) == entries


def test_max_age__frees_a_password_that_old():
    entries = entries_of_ages(30, 400)
    assert Window(10, timedelta(days=30)).of(entries, NOW) == entries[:1]


def test_max_age__still_forbids_one_that_is_younger():
    entries = entries_of_ages(29, 400)
    assert Window(10, timedelta(days=30)).of(entries, NOW) == entries


def test_max_age__adds_nothing_beyond_the_last_n():
    assert len(Window(2, timedelta(days=30)).of(entries_of_ages(1, 2, 3), NOW)) == 2


@given(st.integers(0, 30), st.one_of(st.none(), st.integers(1, 100)), st.lists(st.integers(0, 200)))
def test_window__of_any_history_is_a_start_of_it(last, max_age_days, ages):
    entries = entries_of_ages(*sorted(ages))
    max_age = None if max_age_days is None else timedelta(days=max_age_days)
    found = Window(last, max_age).of(entries, NOW)
    assert found == entries[: len(found)]
    assert len(found) <= last
