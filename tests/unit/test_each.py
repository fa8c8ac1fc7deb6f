"""What the tests of many cases tell of those that are wrong."""

import pytest

from tests.each import each


def told(test, **fixtures):
    with pytest.raises(pytest.fail.Exception) as caught:
        test(**fixtures)
    return str(caught.value).splitlines()


@each("number", [1, 2, 3])
def odd(number):
    assert number % 2, f"{number} is even"


@each("one, two", [(1, 1), (1, 2)], name=lambda case: f"case {case[1]}")
def same(one, two):
    if one != two:
        raise ValueError("differ")


@each("error", [ValueError, KeyError])
def raises_value_error(error):
    with pytest.raises(ValueError, match="x"):
        raise error("x")


@each("text", ["a", "b", "c"])
def raises_nothing(text):
    with pytest.raises(ValueError, match="x"):
        text.upper()


@each("number", [1, 2])
def is_limit(number, limit):
    assert number <= limit


def test_each__names_the_offender():
    assert told(odd)[:2] == ["1 of 3:", "2: AssertionError: 2 is even"]


def test_each__names_it_as_it_is_told_to():
    assert told(same) == ["1 of 2:", "case 2: ValueError: differ"]


def test_each__other_exception_is_an_offence():
    assert told(raises_value_error)[0] == "1 of 2:"


def test_each__names_all_that_did_not_raise():
    assert [line.partition(":")[0] for line in told(raises_nothing)] == ["3 of 3", "'a'", "'b'", "'c'"]


def test_each__has_fixtures():
    is_limit(limit=2)
    assert told(is_limit, limit=1)[0] == "1 of 2:"


@each("number", [1, 2])
def test_each__is_a_test(number, tmp_path):
    assert number
    assert tmp_path.is_dir()


def test_each__without_a_case_is_an_error():
    with pytest.raises(AssertionError, match="no case"):
        each("number", [])
