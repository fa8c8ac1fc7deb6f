"""One line, valid JSON, under the cap, whatever characters are in it."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.logs.encode import encode
from django_ops.logs.fields import LONGEST_LINE_BYTES
from tests.unit.logs.examples import OBEYED

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "character", ["\n", "\r", "\x00", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066", "\ufeff"]
)
def test_encode__character_that_is_obeyed(character):
    line = encode({"message": f"ü{character}x"})
    assert character not in line[:-1].decode()
    assert json.loads(line) == {"message": f"ü{character}x"}


def test_encode__text_of_the_world():
    text = "привет, 世界, 😀, ñandú, \u0645\u0631\u062d\u0628\u0627"
    assert encode({"message": text}) == orjson.dumps({"message": text}) + b"\n"


@given(ANY_TEXT)
def test_encode__any_text(text):
    line = encode({"message": text})
    assert line.endswith(b"\n")
    assert not OBEYED.search(line[:-1].decode())


@given(st.text())
def test_encode__reads_back_the_same(text):
    assert json.loads(encode({"message": text}))["message"] == text


def test_encode__lone_surrogate():
    document = json.loads(encode({"message": "a\ud800b"}))
    assert document == {"message": "a\\ud800b", "labels": {"format_error": "lone surrogate"}}


def test_encode__lone_surrogate_beside_another_problem():
    document = json.loads(encode({"message": "\ud800", "labels": {"format_error": "x"}}))
    assert document["labels"]["format_error"] == "x; lone surrogate"


def test_encode__lone_surrogate_in_a_key():
    assert json.loads(encode({"labels": {"a\udc80": "x"}}))["labels"]["a\\udc80"] == "x"


@pytest.mark.parametrize("part", ["x", "\x00", "ü", "\u2028", "\x85", "😀", '"', "\\", "\ud800"])
def test_encode__long_text_stays_under_the_cap(part):
    line = encode({"message": part * 50_000, "labels": {"a": part * 5000, "b": "short"}})
    assert len(line) <= LONGEST_LINE_BYTES
    assert json.loads(line)["labels"]["b"] == "short"


def test_encode__exactly_the_cap_is_not_cut():
    document = {"message": "x" * (LONGEST_LINE_BYTES - len('{"message":""}\n'))}
    line = encode(document)
    assert (len(line), json.loads(line)) == (LONGEST_LINE_BYTES, document)


def test_encode__one_more_is_cut():
    line = encode({"message": "x" * (LONGEST_LINE_BYTES - len('{"message":""}\n') + 1)})
    assert "characters cut" in json.loads(line)["message"]


def test_encode__other_cap():
    assert len(encode({"message": "x" * 9000}, 4096)) <= 4096


def test_encode__no_json_at_all():
    with pytest.raises(orjson.JSONEncodeError):
        encode({"message": object()})
