"""What an entry of the JSON caches is: it comes back as it was, or it is refused."""

import datetime
import decimal
import enum
import pickle
import types

import pytest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from django_ops.guard import caches

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Colour(enum.StrEnum):
    RED = "red"


@given(JSON)
def test_encode__comes_back_as_it_was(value):
    assert repr(caches.decode(caches.encode(value))) == repr(value)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ((1, 2), "builtins.tuple"),
        ({1: "a"}, "the int 1"),
        ([{"a": {("b",): 1}}], "the tuple"),
        ({"a": {1, 2}}, "builtins.set"),
        (b"bytes", "builtins.bytes"),
        (datetime.date(2026, 12, 1), "datetime.date"),
        (decimal.Decimal("1.5"), "decimal.Decimal"),
        (float("nan"), "nan"),
        (Colour.RED, "Colour"),
        (gettext_lazy("red"), "proxy"),
        (types.SimpleNamespace(), "SimpleNamespace"),
    ],
    ids=["tuple", "key", "deep key", "set", "bytes", "date", "decimal", "nan", "enum", "lazy", "object"],
)
def test_encode__refuses_what_would_change(value, named):
    with pytest.raises(TypeError, match=f"The cache keeps JSON.*{named}"):
        caches.encode(value)


def test_encode__a_template_s_fragment_is_a_text_afterwards():
    value = caches.decode(caches.encode(mark_safe("<b>bold</b>")))
    assert (value, type(value)) == ("<b>bold</b>", str)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_decode__a_pickle_is_not_there(protocol):
    for value in ("text", {"a": 1}, 1.5, None, b"\x00" * 9):
        assert caches.decode(pickle.dumps(value, protocol)) is caches.UNREADABLE


@given(st.binary())
def test_decode__never_raises(entry):
    caches.decode(entry)


def test_decode__a_deep_one_is_not_there():
    assert caches.decode(b"[" * 100_000) is caches.UNREADABLE


def test_memcached__an_entry_of_others_is_not_there():
    serializer = caches.MemcachedSerializer()
    entry, flags = serializer.serialize(b"key", "text")
    assert serializer.deserialize(b"key", entry, flags) == "text"
    assert serializer.deserialize(b"key", entry, 16) is caches.UNREADABLE  # pymemcache's own mark of a text
