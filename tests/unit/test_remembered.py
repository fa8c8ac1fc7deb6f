"""Answers that are kept, whoever asks."""

from django_ops.remembered import Remembered


def test_answer__is_asked_for_once():
    asked = []
    table = Remembered(lambda text: asked.append(text) or text.upper())
    assert [table["a"], table["b"], table["a"]] == ["A", "B", "A"]
    assert asked == ["a", "b"]


def test_memory__is_bounded():
    table = Remembered(str.upper, most=10)
    for number in range(1000):
        assert table[f"a{number}"] == f"A{number}"
        assert len(table) <= 10


def test_memory__is_not_for_long_texts():
    table = Remembered(str.upper, longest=3)
    assert [table["abc"], table["abcd"]] == ["ABC", "ABCD"]
    assert list(table) == ["abc"]
