"""A document as the bytes of one line: JSON that no character can break out of, at most 16 KiB long."""

from __future__ import annotations

from typing import Any

import orjson

from django_ops.logs.characters import escape_obeyed, show_surrogates
from django_ops.logs.fields import LONGEST_LINE_BYTES
from django_ops.logs.line import Document
from django_ops.logs.shrink import shrink

_DELETE = 0x7F
_OPTIONS = orjson.OPT_APPEND_NEWLINE


def encode(document: Document, longest_bytes: int = LONGEST_LINE_BYTES) -> bytes:
    """Return `document` as one line with its newline, shortened where it is longer than `longest_bytes`.

    Raises orjson.JSONEncodeError for what is no JSON: documents are built of str, int and dict only.
    """
    try:
        line = orjson.dumps(document, option=_OPTIONS)
    except orjson.JSONEncodeError:
        document = _without_surrogates(document)
        line = orjson.dumps(document, option=_OPTIONS)
    if not line.isascii() or _DELETE in line:
        line = escape_obeyed(line)
    if len(line) > longest_bytes:
        return shrink(document, longest_bytes, _encode_whole)
    return line


def _encode_whole(document: Document) -> bytes:
    return escape_obeyed(orjson.dumps(document, option=_OPTIONS))


def _without_surrogates(document: Document) -> Document:
    clean: Document = _clean(document)
    labels = clean.setdefault("labels", {})
    told = labels.get("format_error")
    labels["format_error"] = f"{told}; lone surrogate" if told else "lone surrogate"
    return clean


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return show_surrogates(value) if isinstance(value, str) else value
