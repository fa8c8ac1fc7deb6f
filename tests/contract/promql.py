"""Finds in a PromQL expression which metrics it asks for, and by which labels: enough for our own expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

#: Words that are followed by labels in parentheses.
_GROUPINGS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = _GROUPINGS | {"and", "or", "unless", "offset", "bool", "inf", "nan"}
#: What makes a word a function and no metric: sum(...), sum by (...) (...).
_AFTER_A_FUNCTION = frozenset({"(", "by", "without"})
_TOKEN = re.compile(
    r"""(?P<text>"[^"\\]*"|'[^'\\]*')
      | (?P<range>\[[^\]]*\])
      | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<number>[0-9][0-9.]*(?:[smhdwy]|ms)?)
      | (?P<mark>=~|!~|!=|==|<=|>=|[-+*/%^<>=(),{}])
      | (?P<space>\s+)""",
    re.VERBOSE,
)


class Selector(NamedTuple):
    """A metric and the labels of its matchers."""

    metric: str
    labels: frozenset[str]


class Expression(NamedTuple):
    """What an expression asks for: its selectors, and the labels that it groups or joins by."""

    selectors: tuple[Selector, ...]
    grouped_by: frozenset[str]


def parse(expression: str) -> Expression:
    """Take an expression apart. Raises ValueError for a sign that is not known here."""
    tokens = list(_tokens(expression))
    selectors: list[Selector] = []
    grouped: set[str] = set()
    position = 0
    while position < len(tokens):
        word = tokens[position]
        position += 1
        following = tokens[position] if position < len(tokens) else ""
        if not re.match(r"[a-zA-Z_:]", word):
            continue
        if word in _GROUPINGS and following == "(":
            names, position = _until(tokens, position, ")")
            grouped.update(name for name in names if name != ",")
        elif following == "{":
            inner, position = _until(tokens, position, "}")
            labels = frozenset(name for name, mark in pairwise(inner) if mark in _MATCHERS)
            selectors.append(Selector(word, labels))
        elif following not in _AFTER_A_FUNCTION and word.lower() not in _WORDS:
            selectors.append(Selector(word, frozenset()))
    return Expression(tuple(selectors), frozenset(grouped))


_MATCHERS = frozenset({"=", "!=", "=~", "!~"})


def _tokens(expression: str) -> Iterator[str]:
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise ValueError(f"{expression[position:]!r} in {expression!r}")
        position = match.end()
        if match.lastgroup not in {"space", "range"}:
            yield match.group()


def _until(tokens: list[str], position: int, end: str) -> tuple[list[str], int]:
    """Return the tokens between the one at `position` and `end`, and the position after it."""
    last = tokens.index(end, position)
    return tokens[position + 1 : last], last + 1
