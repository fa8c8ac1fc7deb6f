"""Shortens a line that is too long: the longest texts first, as little as needed, and says which."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson

from django_ops.logs.characters import count_obeyed
from django_ops.logs.line import Document
from django_ops.record.redaction import mask_head, mask_text

#: Texts of which both ends matter: the outermost call and the line that raised.
_BOTH_ENDS = frozenset(("error.stack_trace", "labels.stack_info"))

#: A text is not cut below this many bytes of JSON.
_SMALLEST_BYTES = 64
#: So many labels are kept when even short texts are too much.
_FEW_LABELS = 8

_MARKER_END = " characters cut ...]"
_MARKER = "[... {}" + _MARKER_END
_MARKER_BYTES = 40
_MOST_BYTES_PER_CHARACTER = 6  # in JSON, as \u0000 is written


def shrink(document: Document, longest_bytes: int, encode: Callable[[Document], bytes]) -> bytes:
    """Return the line of `document` with its longest texts cut, so that it has at most `longest_bytes`."""
    low, high = _SMALLEST_BYTES, longest_bytes
    line = encode(_cut_document(document, low))
    if len(line) > longest_bytes:
        line = encode(_cut_document(_with_labels(document, _FEW_LABELS), low))
        return line if len(line) <= longest_bytes else encode(_cut_document(_with_labels(document, 0), low))
    while high - low > _SMALLEST_BYTES:  # find the longest that fits
        middle = (low + high) // 2
        attempt = encode(_cut_document(document, middle))
        if len(attempt) <= longest_bytes:
            low, line = middle, attempt
        else:
            high = middle
    return line


def bounded(text: str, longest: int) -> str:
    """Return the first `longest` characters of `text` with secrets masked, and a mark where more followed."""
    if len(text) <= longest:
        return mask_text(text)
    return f"{mask_head(text, longest)} {_MARKER.format(len(text) - longest)}"


def cut(text: str, longest_bytes: int, *, both_ends: bool = False) -> str:
    """Return `text` such that it takes at most `longest_bytes` in JSON, with a mark where something was left out."""
    if len(text) * _MOST_BYTES_PER_CHARACTER <= longest_bytes:
        return text
    size = _json_bytes(text)
    if size <= longest_bytes:
        return text
    kept = int(len(text) * max(longest_bytes - _MARKER_BYTES, 1) / size)
    while True:
        shortened = _keep(text, kept, both_ends)
        if kept <= 1 or _json_bytes(shortened) <= longest_bytes:
            return shortened
        kept = kept * 3 // 4


def _keep(text: str, kept: int, both_ends: bool) -> str:
    marker = _MARKER.format(len(text) - kept)
    if not both_ends:
        return f"{text[:kept]} {marker}"
    tail = kept * 2 // 3
    return f"{text[: kept - tail]}\n{marker}\n{text[len(text) - tail :]}"


@lru_cache(maxsize=64)  # the same few texts are measured again and again while the length is searched for
def _json_bytes(text: str) -> int:
    return len(orjson.dumps(text)) - 2 + 5 * count_obeyed(text)


def _cut_document(document: Document, longest_bytes: int) -> Document:
    names: list[str] = []
    result: Document = _cut_value(document, "", longest_bytes, names)
    if names:
        labels = result.setdefault("labels", {})
        told = dict.fromkeys([*labels.get("format_cut", "").split(), *names])
        labels["format_cut"] = cut(" ".join(told), 4 * _SMALLEST_BYTES)
    return result


def names_of_cut(texts: dict[str, str], prefix: str) -> list[str]:
    """Return which of these texts were cut when they were made, by name."""
    return [f"{prefix}{name}" for name, text in texts.items() if _MARKER_END in text]


def _cut_value(value: Any, name: str, longest_bytes: int, names: list[str]) -> Any:
    if isinstance(value, dict):
        prefix = f"{name}." if name else ""
        return {key: _cut_value(item, f"{prefix}{key}", longest_bytes, names) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    shortened = cut(value, longest_bytes, both_ends=name in _BOTH_ENDS)
    if shortened is not value:
        names.append(name)
    return shortened


def _with_labels(document: Document, most: int) -> Document:
    labels = document.get("labels", {})
    kept = dict(islice(labels.items(), most))
    if "format_error" in labels:
        kept["format_error"] = labels["format_error"]
    kept["format_labels"] = f"{len(labels) - len(kept)} labels left out"
    return {**document, "labels": kept}
