"""What is too long is cut: the longest first, as little as needed, and marked."""

import orjson
import pytest

from django_ops.logs.shrink import bounded, cut, shrink
from django_ops.record.redaction import MASK


def encode(document):
    return orjson.dumps(document)


def shrunk(document, longest_bytes):
    line = shrink(document, longest_bytes, encode)
    assert len(line) <= longest_bytes
    return orjson.loads(line)


def test_cut__short_text_is_the_same():
    assert cut("abc", 64) == "abc"


def test_cut__says_how_much():
    assert cut("x" * 200, 100) == "x" * 60 + " [... 140 characters cut ...]"


def test_cut__both_ends():
    text = cut("a" * 500 + "z" * 500, 200, both_ends=True)
    assert text.startswith("aaaa")
    assert text.endswith("zzzz")
    assert "\n[... " in text


@pytest.mark.parametrize("part", ["\x00", "ü", "\u2028", "😀", "x", '"'])
def test_cut__counts_bytes_of_json(part):
    text = cut(part * 1000, 300)
    escaped = orjson.dumps(text).replace("\u2028".encode(), b"\\u2028")
    assert len(escaped) - 2 <= 300


def test_shrink__longest_first():
    document = shrunk({"message": "x" * 5000, "labels": {"a": "y" * 100}}, 2000)
    assert document["labels"]["a"] == "y" * 100


def test_shrink__as_little_as_needed():
    line = shrink({"message": "x" * 5000}, 2000, encode)
    assert len(line) > 1800


def test_shrink__says_what_was_cut():
    document = shrunk({"message": "x" * 5000, "error": {"stack_trace": "y" * 5000}}, 2000)
    assert document["labels"]["format_cut"] == "message error.stack_trace"


def test_shrink__both_ends_of_a_stack_trace():
    document = shrunk({"error": {"stack_trace": "begin " + "x" * 5000 + " end"}}, 2000)
    assert document["error"]["stack_trace"].startswith("begin ")
    assert document["error"]["stack_trace"].endswith(" end")


def test_shrink__leaves_the_document_alone():
    service = {"name": "x" * 5000}
    shrunk({"service": service}, 2000)
    assert service == {"name": "x" * 5000}


def test_shrink__too_many_labels():
    labels = {f"{number:03d}" * 40: "x" * 100 for number in range(64)}
    document = shrunk({"message": "hello", "labels": {**labels, "format_error": "because"}}, 4096)
    assert document["message"] == "hello"
    assert document["labels"]["format_error"] == "because"
    assert document["labels"]["format_labels"] == "56 labels left out"


def test_shrink__no_room_for_labels():
    labels = {f"{number:03d}" * 40: "x" * 100 for number in range(64)}
    document = shrunk({"message": "hello", "labels": labels}, 800)
    assert document == {"message": "hello", "labels": {"format_labels": "64 labels left out"}}


def test_bounded__short_text():
    assert bounded("token=abc", 100) == f"token={MASK}"


def test_bounded__long_text():
    assert bounded("x" * 200, 100) == "x" * 100 + " [... 100 characters cut ...]"
