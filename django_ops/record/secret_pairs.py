"""Masks the values of hidden keys in free text, in the forms in which people and programs write pairs.

It takes time linear in the text: what was masked is not looked at again, and what belongs together lies nearby.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from django_ops.record.hidden_keys import is_hidden, is_unmistakable, may_end_a_phrase
from django_ops.record.secret_grammar import (
    ANNOTATION,
    BRACKET,
    CLOSE_TAG,
    ENCODED_KEY,
    KEY,
    LINE_END,
    OPEN_TAG,
    QUOTE,
    VALUE,
    P,
)  # fmt: skip

#: What is shown in place of a secret.
MASK = "********"

_CLOSING = {"(": ")", "[": "]", "{": "}"}

#: Headers whose value is a list of secrets, up to the end of the line.
_HEADERS = frozenset(
    (
        "cookie", "set-cookie", "http_cookie", "authorization", "proxy-authorization", "http_authorization",
        "signature",
    )
)  # fmt: skip
# also of a line that a `repr` shows, with the signs \r\n
_LINE = re.compile(r"(?:[^\r\n\\]|\\(?!\\{0,7}r\\{1,8}n))*+")
_OPENING = re.compile(r"\\*[\"']\Z")
_EDGES = re.compile(rf"\A[bBuUrR]{{0,2}}{QUOTE}|{QUOTE}\Z")
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*\r?\n")
_BLOCK_LINE = re.compile(r"(?P<indent>[ \t]*)(?P<text>[^\n]*)(?:\n|\Z)")
_DEEPEST_INDENT = 64  # characters before a key at the beginning of a line

#: Values that tell nothing.
_EMPTY_VALUES = frozenset(("", "None", "null", "True", "False", "true", "false", "''", '""', "[]", "{}", "()", MASK))

#: `{"name": "password", "value": "x"}`: what says the key, and what the value.
NAMES = frozenset(
    "name key field header path variable var attribute attr param parameter option setting id type n k".split()
)
VALUES = frozenset("value val values content data default current v".split())
_LONGEST_OBJECT = 1024  # characters between one half and the next
_LONGEST_NAME = 256
_MOST_VALUES = 4  # of one object
# where one object ends and the next begins
_BETWEEN_OBJECTS = re.compile(
    rf"""(?:[}})]|\](?=[\s,]))[\s,]{{0,32}}+(?:\w{{0,64}}\(|[{{\[])|{P}7[dD](?:{P}2[cC0]|{P}0[aA]|\+){{0,8}}+{P}7[bB]
    |\n[ \t]{{0,64}}-[ ]|{OPEN_TAG}""",
    re.VERBOSE,
)
# what follows the name of a part of a form, up to its content, and the content
_PART = re.compile(
    rf"(?:(?!{LINE_END}{LINE_END}).){{0,512}}+{LINE_END}{LINE_END}(?P<value>(?:(?!{LINE_END}--).)*+)", re.DOTALL
)
# the rest of a tag, and what it holds
_CONTENT = re.compile(
    rf"""(?:(?!{CLOSE_TAG})[^<]){{0,256}}+
    (?:>(?P<value>[^<]{{1,4096}}+)(?=</)|{CLOSE_TAG}(?P<encoded>(?:(?!{OPEN_TAG}).){{1,4096}}+)(?={OPEN_TAG}/))""",
    re.VERBOSE | re.DOTALL,
)

_ESCAPED = re.compile(r"\\+u([0-9a-fA-F]{4})")
_ESCAPED_BYTES = re.compile(r"(?:\\+x[89a-f][0-9a-f])+")
_ESCAPES_OF_BYTES = re.compile(r"\\+x")

Span = tuple[int, int]


def mask_pairs(text: str) -> str:
    """Return `text` with the values of its hidden keys replaced by asterisks."""
    spans: list[Span] = []
    position = 0
    in_object = _Object(text)
    encoded = "%" in text or "\\" in text or "&" in text
    for match in (ENCODED_KEY if encoded else KEY).finditer(text):
        if match.start() < position:  # within a value that was masked
            continue
        key = match["key"] or match["option"]
        word = key.lower()
        if (word in NAMES or word in VALUES) and not match["space"]:
            found = in_object.half(word, match)
            if found is not None:
                spans += found
                position = max((position, *(end for _, end in found)))
                continue
        if not _is_hidden(match, key) or (match["space"] and not is_unmistakable(key)):
            continue
        start, end = _value_span(text, match, key)
        if text[start:end] not in _EMPTY_VALUES:
            spans.append((start, end))
            position = end
    return _without(text, spans)


def _without(text: str, spans: list[Span]) -> str:
    shown: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if start >= position:
            shown += (text[position:start], MASK)
        position = max(position, end)
    shown.append(text[position:])
    return "".join(shown)


class _Object:
    """What was seen of an object whose key and value are values of their own, in whatever order they come."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._last = 0
        self._hidden = False
        self._values: list[tuple[re.Match[str], str]] = []  # not looked at before it is known that they are hidden

    def half(self, word: str, match: re.Match[str]) -> list[Span] | None:
        """Take a half in, and return what is to be masked now; None where the pair is one like all others."""
        start, end = match.span()
        if start - self._last > _LONGEST_OBJECT or _BETWEEN_OBJECTS.search(self._text, self._last, start):
            self._hidden, self._values = False, []
        found: list[Span] = []
        named = VALUE.match(self._text, end, end + (_LONGEST_NAME if word in NAMES else _LONGEST_OBJECT))
        if word in NAMES:
            if named is not None and _names_a_secret(named):
                self._hidden = True
                found = self._content_after(match, named.end())
            elif is_hidden(word):
                return None  # "key": "x" is a secret itself
        else:
            self._values = [*self._values[1 - _MOST_VALUES :], (match, word)]
        self._last = named.end() if named else end
        if self._hidden:
            spans = [_value_span(self._text, value, key) for value, key in self._values]
            found += [span for span in spans if self._text[slice(*span)] not in _EMPTY_VALUES]
            self._values = []
        return found

    def _content_after(self, match: re.Match[str], end: int) -> list[Span]:
        """Return what a part of a form, or an element, holds whose name was just read."""
        before = self._text[max(0, match.start() - 64) : match.start()]
        for pattern, belongs in ((_PART, "form-data" in before), (_CONTENT, "<" in before or "lt;" in before)):
            content = pattern.match(self._text, end) if belongs else None
            if content is not None and content.lastgroup and not content[content.lastgroup].isspace():
                return [content.span(content.lastgroup)]
        return []


def _names_a_secret(named: re.Match[str]) -> bool:
    name = named[0] if named["quoted"] is not None else named[0].rstrip(",;)]}.")
    return len(name) < _LONGEST_NAME and " " not in name and is_hidden(decoded(_EDGES.sub("", name)))


def _is_hidden(match: re.Match[str], key: str) -> bool:
    start, end = match.span("key" if match["key"] else "option")
    if may_end_a_phrase(key) and match.string[start - 1 : start] == " ":
        return is_hidden(match.string[max(0, start - 16) : end])
    if is_hidden(decoded(key)):
        return True
    before = match["before"]  # \token may be a line end and "oken", or a backslash and "token"
    return bool(before) and is_hidden(unquote(before)[-1] + key)


def decoded(key: str) -> str:
    """Return a key as it was before a URL, a JSON text or a `repr` encoded it."""
    for _ in range(3):
        if "%" not in key:
            break
        key = unquote(key)
    if "\\" in key:
        key = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), key)
        key = _ESCAPED_BYTES.sub(_decode_bytes, key)
    return key


def _decode_bytes(match: re.Match[str]) -> str:
    return bytes.fromhex(_ESCAPES_OF_BYTES.sub("", match[0])).decode(errors="replace")


def _value_span(text: str, key_match: re.Match[str], key: str) -> Span:
    """Return where the value after a key lies, without the quotes around it."""
    start = key_match.end()
    annotation = ANNOTATION.match(text, start)
    start = annotation.end() if annotation else start
    match = VALUE.match(text, start)
    if match is None:
        return _block_span(text, key_match) if text[start : start + 1] == ">" else (start, start)
    if match["quoted"] is not None:
        opening = match["long"] or match["escaped"] or match["quoted"][0]
        begin = match.start("quoted") + len(opening)
        closed = match["quoted"].endswith(opening) and match.end() - begin >= len(opening)
        return begin, match.end() - len(opening) if closed else match.end()
    if match["brackets"] is not None:
        return start, _end_of_brackets(text, match.end("brackets") - 1)
    key_start = key_match.start("key")
    if key.lower() in _HEADERS and ":" in text[key_match.end("key") : start]:
        return start, _end_of_header(text, key_start, start)
    if match[0][0] == "|":
        return _block_span(text, key_match)
    if _indent(text, key_start) is not None:
        line = _LINE.match(text, start)
        return start, max(match.end(), start + len(line[0].rstrip()) if line else 0)
    return start, start + len(match[0].rstrip(",;)]}."))


def _indent(text: str, start: int) -> int | None:
    """Return how far the key at `start` is indented where it begins a line of several; None where it does not."""
    before = text[max(0, start - _DEEPEST_INDENT) : start]
    _, line_end, line = before.rpartition("\n")
    if not line_end and (start > _DEEPEST_INDENT or "\n" not in text):
        return None
    return len(line) if not line.strip(" \t-") else None


def _block_span(text: str, key_match: re.Match[str]) -> Span:
    """Return the lines of a block scalar of YAML: those that are indented deeper than its key."""
    start = key_match.end()
    head, indent = _BLOCK.match(text, start), _indent(text, key_match.start("key"))
    if head is None or indent is None:
        plain = _LINE.match(text, start)
        return start, plain.end() if plain else start
    end = head.end()
    while end < len(text):
        line = _BLOCK_LINE.match(text, end)
        if line is None or (line["text"].strip() and len(line["indent"]) <= indent):
            break
        end = line.end()
    return start, end - (text[end - 1] == "\n")


def _end_of_header(text: str, key_start: int, start: int) -> int:
    """Return where a header ends: with its line, or with the quotes that were opened right before its name."""
    opening = _OPENING.search(text, max(0, key_start - 9), key_start)
    at = text.find(opening[0], start) if opening else -1
    while opening and at > 0 and text[at - 1] == "\\":
        at = text.find(opening[0], at + 1)
    line = _LINE.match(text, start, at if at > 0 else len(text))
    return line.end() if line else start


def _end_of_brackets(text: str, start: int) -> int:
    expected: list[str] = []
    for match in BRACKET.finditer(text, start):
        if match["quoted"] is None:
            if match[0] in _CLOSING:
                expected.append(_CLOSING[match[0]])
            elif match[0] == expected[-1]:  # another one is a part of the secret
                expected.pop()
            if not expected:
                return match.end()
    return len(text)
