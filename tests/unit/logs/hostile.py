"""Strategies for what nobody should pass to a logger, and somebody does."""

import datetime
import decimal
import enum
import uuid
from collections import UserDict, namedtuple

from hypothesis import strategies as st

from tests.unit.logs.secrets import ALL


class Bomb:
    """An object that raises, whatever one does with it."""

    def __init__(self, error):
        object.__setattr__(self, "error", error)

    def _raise(self, *args, **kwargs):
        raise object.__getattribute__(self, "error")

    __str__ = __repr__ = __format__ = __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __int__ = _raise
    __getattr__ = _raise
    __class__ = property(_raise)

    def _repr_pretty_(self, printer, cycle):  # for Hypothesis, which shows what it has drawn
        printer.text("Bomb()")


class BombError(Exception):
    def __str__(self):
        raise RecursionError


class TextOfItsOwn(str):
    def __str__(self):
        raise ValueError

    __repr__ = __format__ = __len__ = __getitem__ = encode = __str__


class DictOfItsOwn(dict):
    def items(self):
        raise ValueError

    keys = values = __iter__ = __getitem__ = __len__ = items


class NumberOfItsOwn(int):
    def __int__(self):
        raise ValueError

    __repr__ = __str__ = __format__ = __index__ = __int__


class Colour(enum.Enum):
    RED = "red"
    SELF = object()


Point = namedtuple("Point", "x y")


def _cyclic_list():
    cycle = [1]
    cycle.append(cycle)
    return cycle


def _cyclic_dict():
    cycle = {}
    cycle["self"] = {"again": cycle}
    return cycle


def _deep():
    deep = []
    for _ in range(2000):
        deep = [deep]
    return deep


def _wide():
    return {f"key {number}": number for number in range(500)}


errors = st.sampled_from([ValueError("x"), RecursionError(), MemoryError(), GeneratorExit(), BombError(), TypeError()])

characters = st.characters(exclude_categories=())  # with surrogates, controls, unassigned ones
nasty_texts = st.sampled_from(
    [
        "",
        "%s %d %(name)s %",
        "%",
        "{}",
        '"}\n{"@timestamp":"2026-11-21T09:00:00.123Z","message":"forged"}',
        "a\r\nb\x00c\x0bd\x0ce\x1cf\x85g\u2028h\u2029i",
        "\x1b[31mred\x1b[0m\x9b31m\x1b]0;title\x07",
        "\u202egnp.exe\u2066",
        "\ud800 lone \udfff",
    ]
)
long_texts = st.sampled_from(["x", "\x00", "\u2028", "😀", "\x85ü\\\"'"]).map(lambda part: part * 20_000)
texts = st.one_of(st.text(characters, max_size=30), nasty_texts, long_texts)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([30, 63, 5000]).map(lambda exponent: 10**exponent),  # Python refuses to print the last one
    st.sampled_from([2**63, -(2**63) - 1]),
    st.floats(),
    texts,
    st.binary(max_size=20),
    st.sampled_from([b"\xff", bytearray(b"\xff\x00"), memoryview(b"x")]),
    st.datetimes(),
    st.sampled_from([datetime.timedelta(1), decimal.Decimal("NaN"), uuid.UUID(int=7), Colour.RED, Colour.SELF]),
)
strange_objects = st.one_of(
    st.builds(Bomb, errors),
    st.sampled_from([object(), Bomb, len, lambda: 1, UserDict(a=1), Point(1, [2]), BombError("x"), Ellipsis, range(3)]),
    st.builds(lambda: (number for number in [1])),
    st.builds(TextOfItsOwn, texts),
    st.builds(NumberOfItsOwn, st.integers()),
    st.builds(DictOfItsOwn, st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
    st.builds(_cyclic_list),
    st.builds(_cyclic_dict),
    st.builds(_deep),
    st.builds(_wide),
)
keys = st.one_of(texts, st.integers(), st.none(), st.tuples(st.integers()), st.floats(), st.booleans())
values = st.recursive(
    st.one_of(scalars, strange_objects),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=5,
)
extras = st.dictionaries(
    st.one_of(
        texts,
        st.sampled_from(
            [
                "request",
                "status_code",
                "a",
                "a.b",
                "a.b.c",
                "format_error",
                "message ",
                "url",
                "http",
                "@timestamp",
                "event.dataset",
            ]
        ),
    ),
    values,
    max_size=4,
)
arguments = st.one_of(
    st.just(()),
    st.tuples(values),
    st.tuples(values, values),
    st.tuples(st.dictionaries(st.text(max_size=3), values, max_size=2)),
)
messages = st.one_of(texts, st.sampled_from(["%s", "%d", "%r %s", "%(a)s", "%5.2f", "%c"]), values)

#: Attributes that others may have put on a record, with anything at all in them.
ATTRIBUTES = (
    "name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created"
    " msecs relativeCreated thread threadName processName process taskName message asctime ops_record request"
).split()
attributes = st.dictionaries(st.sampled_from(ATTRIBUTES), values, max_size=2)


def _with_notes(error, notes):
    error.__notes__ = notes
    return error


def _chained(first, second, is_cause):
    if is_cause:
        first.__cause__ = second
    else:
        first.__context__ = second
    return first


def _raised(error, depth):
    def call(left):
        hidden = "Zx9Tr0ub4dorQ7-local"  # noqa: F841 - a variable, which no traceback may show
        if left:
            call(left - 1)
        raise error

    try:
        call(depth)
    except BaseException as caught:
        return caught


simple_exceptions = st.one_of(
    st.builds(lambda text: ValueError(text), values),
    st.builds(KeyError, texts),
    st.builds(BombError, texts),
    st.builds(lambda text: SyntaxError(text, ("file.py", 3, 1, text)), texts),
    st.builds(lambda text: UnicodeDecodeError("utf-8", b"\xff", 0, 1, str(text)), st.text(max_size=5)),
    st.builds(lambda: OSError(28, "No space left", "/x")),
)
exceptions = st.recursive(
    st.builds(_raised, simple_exceptions, st.sampled_from([0, 1, 3, 200])),
    lambda inner: st.one_of(
        st.builds(_with_notes, inner, st.one_of(values, st.lists(texts, max_size=3))),
        st.builds(_chained, inner, inner, st.booleans()),
        st.builds(lambda members: ExceptionGroup("several", members), st.lists(inner, min_size=1, max_size=4)),
    ),
    max_leaves=4,
)

planted = st.sampled_from(ALL)
