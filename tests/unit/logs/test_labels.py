"""What users pass in extra= becomes flat, bounded labels that leak nothing and explode nowhere."""

import datetime
import decimal
import pathlib
import types
import uuid

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from django_ops.logs.labels import MOST_LABELS, LabelMaker
from django_ops.record.redaction import MASK
from tests.unit.logs.hostile import Bomb, Colour, DictOfItsOwn, NumberOfItsOwn, Point, TextOfItsOwn


def labels(extra):
    maker = LabelMaker()
    maker.add_all(extra.items())
    return maker.finish()


def label(value):
    return labels({"it": value})["it"]


class Order:
    def __str__(self):
        return "order of Jane, card 4111 1111 1111 1111"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        ("", ""),
        (17, "17"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**80, "1208925819614629174706176"),
        (10**5000, "(a number of 16610 bits)"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (decimal.Decimal("12.50"), "12.50"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (pathlib.Path("/var/log"), "/var/log"),
        (datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC), "2026-11-21 09:00:00+00:00"),
        (datetime.timedelta(seconds=90), "0:01:30"),
        (Colour.RED, "red"),
        (mark_safe("<b>"), "<b>"),
        (gettext_lazy("password"), "password"),
        ([1, "a", None, 2.5], '[1,"a",null,"2.5"]'),
        ((1, (2,)), "[1,[2]]"),
        ({1}, "[1]"),
        ([], "[]"),
        ({}, "{}"),
        (Point(1, 2), "[1,2]"),
        (ValueError("wrong"), "ValueError: wrong"),
        (ValueError, "<class builtins.ValueError>"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_labels__value(value, text):
    assert label(value) == text


def test_labels__nested():
    assert labels({"a": {"b": {"c": 1}, "d": [2]}}) == {"a.b.c": "1", "a.d": "[2]"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Order(), "<tests.unit.logs.test_labels.Order>"),
        (object(), "<builtins.object>"),
        (HttpRequest(), "<django.http.request.HttpRequest>"),
        (Bomb(ValueError()), "<tests.unit.logs.hostile.Bomb>"),
        (types.SimpleNamespace(password="x"), "<types.SimpleNamespace>"),
        ((number for number in [1]), "<builtins.generator>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_labels__only_the_type_of_an_object(value, text):
    assert label(value) == text


def test_labels__lazy_object_is_not_asked():
    def query():
        raise AssertionError("asked")

    assert label(SimpleLazyObject(query)) == "<django.utils.functional.SimpleLazyObject>"


def test_labels__model_instance_shows_its_primary_key():
    assert label(User(pk=17, username="jane")) == "<auth.User 17>"


def test_labels__unsaved_model_instance():
    assert label(User(username="jane")) == "<auth.User null>"


def test_labels__what_looks_like_a_user():
    assert label(AnonymousUser()) == "<django.contrib.auth.models.AnonymousUser>"


def test_labels__request_that_django_passes():
    request = RequestFactory().get("/reset?token=abc")
    assert labels({"request": request, "status_code": 404}) == {"status_code": "404"}


def test_labels__request_that_is_plain():
    assert labels({"request": "17"}) == {"request": "17"}


@pytest.mark.parametrize("key", ["password", "api_key", "Authorization", "session_key"])
@pytest.mark.parametrize("value", ["abc", 17, None, ["abc"], {"a": "abc"}, Order()])
def test_labels__hidden_key(key, value):
    assert labels({key: value}) == {key: MASK}


def test_labels__hidden_key_within():
    assert labels({"user": {"password": "abc", "name": "jane"}}) == {"user.password": MASK, "user.name": "jane"}


def test_labels__hidden_key_within_a_list():
    assert label([{"password": "abc", "x": 1}]) == f'[{{"password":"{MASK}","x":1}}]'


def test_labels__secret_in_a_value():
    assert label("see postgres://app:abc@db") == f"see postgres://{MASK}@db"


def test_labels__secret_as_a_key():
    assert labels({"password=abc": 1}) == {f"password={MASK.replace('*', '_')}": MASK}


def test_labels__object_that_raises():
    assert labels({"it": TextOfItsOwn("fine"), "that": NumberOfItsOwn(3)}) == {"it": "fine", "that": "3"}


def test_labels__exception_whose_text_raises():
    class OddError(Exception):
        def __str__(self):
            raise RecursionError

    assert labels({"it": OddError(), "ok": 1}) == {
        "it": "(not shown)",
        "ok": "1",
        "format_error": "labels.it: RecursionError",
    }


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_labels__interrupt_goes_through(error):
    class OddError(Exception):
        def __str__(self):
            raise error

    with pytest.raises(error):
        labels({"it": OddError()})


def test_labels__dict_of_its_own():
    assert labels({"it": DictOfItsOwn(a=1)})["it.a"] == "1"


def test_labels__cycle():
    cycle = {"x": 1}
    cycle["self"] = cycle
    assert labels({"it": cycle}) == {"it.x": "1", "it.self": "(cycle)", "format_error": "labels.it.self: cycle"}


def test_labels__cycle_of_lists():
    cycle = [1]
    cycle.append(cycle)
    assert label(cycle) == '[1,"(cycle)"]'


def test_labels__same_value_twice_is_no_cycle():
    shared = {"x": 1}
    assert labels({"a": shared, "b": shared, "c": [shared, shared]})["c"] == '[{"x":1},{"x":1}]'


def test_labels__too_deep():
    deep = {"x": 1}
    for _ in range(10):
        deep = {"d": deep}
    assert labels({"it": deep})["format_error"] == "labels.it.d.d.d.d.d.d: too deep"


def test_labels__too_deep_a_list():
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert label(deep) == '[[[[[["(too deep)"]]]]]]'


def test_labels__wide_and_shared():
    shared = ["x"]
    for _ in range(5):
        shared = [shared] * 64  # 64 ** 5 values for who counts them all
    assert "(too many values)" in label(shared)


def test_labels__dicts_beyond_count():
    made = labels({"it": {f"n{number}": [[1] * 60] * 60 for number in range(8)}, "last": {"a": 1}})
    assert made["last.a"] == "1"


def test_labels__wide_and_deep():
    wide = {f"n{number}": {f"n{number}": {"x": 1} for number in range(60)} for number in range(60)}
    made = labels({"a": wide})
    assert len(made) <= MOST_LABELS + 1
    assert "left out" in made["format_error"]


def test_labels__collections_beyond_count():
    assert "(too many values)" in label([[[1] * 64] * 64])


def test_labels__too_many():
    made = labels({f"key{number}": number for number in range(100)})
    assert len(made) == MOST_LABELS + 1
    assert made["format_error"] == "labels: 36 left out"


def test_labels__long_list():
    assert label(list(range(100))).endswith('63,"(36 more)"]')


def test_labels__long_value():
    assert label("x" * 10_000) == "x" * 4096 + " [... 5904 characters cut ...]"


def test_labels__long_key():
    assert labels({"k" * 500: 1}) == {"k" * 128: "1"}


def test_labels__long_keys_that_become_the_same():
    assert labels({"k" * 200: 1, "k" * 300: 2}) == {"k" * 128: "1", "k" * 128 + "_": "2"}


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("", "_"),
        (".", "_"),
        ("..a..b.", "a.b"),
        ("a b\n", "a_b_"),
        ("a\x00\u2028\ud800", "a___"),
        ('a"\\*', "a___"),
        (5, "5"),
        (None, "null"),
        ((1, 2), "[1,2]"),
        ("ключ", "ключ"),
    ],
)
def test_labels__key(key, shown):
    assert labels({key: "x"}) == {shown: "x"}


def test_labels__label_and_label_below_it():
    assert labels({"a": 1, "a.b": 2}) == {"a": "1", "a_b": "2"}


def test_labels__ours_cannot_be_taken():
    assert labels({"format_error": "mine"}) == {"format_error_": "mine"}
