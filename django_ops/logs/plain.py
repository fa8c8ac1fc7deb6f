"""Any value as text, bounded and masked, without asking a strange object anything that it might do on being asked.

The type decides. A lazy object would run its query, an HTTP request would show its query string, a client of some
service its password: of such objects only the type is named.
"""

from __future__ import annotations

import enum
import re
from itertools import islice
from typing import Any

import orjson

from django_ops.logs.characters import show_surrogates
from django_ops.logs.shrink import bounded
from django_ops.record.redaction import MASK, is_hidden, mask_head, mask_text

LONGEST_KEY = 128  # characters
LONGEST_VALUE = 4096  # characters
DEEPEST = 6
MOST_ITEMS = 64  # of one collection
MOST_VALUES = 512  # of all collections within one value

#: Objects of these modules say all of themselves, and nothing else, in `str()`.
_SPEAKING_MODULES = frozenset(
    ("datetime", "decimal", "_decimal", "_pydecimal", "uuid", "pathlib", "pathlib._local", "ipaddress", "fractions")
)
_LAZY_TEXT = ("django.utils.functional", "__proxy__")

_UNSAFE_IN_KEYS = re.compile(
    '[\x00-\x20\x7f-\xa0\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff"\\\\*]'
)


class Walk:
    """One pass through a value that may be deep, wide, shared or cyclic."""

    def __init__(self) -> None:
        self.parents: list[int] = []
        self.values_left = MOST_VALUES

    def text(self, value: object) -> str:
        """Return `value` as text; raises what the value's own methods raise."""
        plain = self.plain(value)
        return plain if type(plain) is str else bounded(orjson.dumps(plain).decode(), LONGEST_VALUE)

    def plain(self, value: Any) -> Any:
        """Return `value` as str, int, bool, None, or a list or dict of such."""
        kind = type(value)
        if kind is str:
            return bounded(value, LONGEST_VALUE)
        if value is None or kind is bool:
            return value
        if issubclass(kind, enum.Enum):
            return self.plain(value._value_)
        if issubclass(kind, str):
            return bounded(str.__str__(value), LONGEST_VALUE)
        if issubclass(kind, int):
            return _integer(int.__int__(value))
        if issubclass(kind, float):
            return float.__repr__(value)
        if issubclass(kind, (bytes, bytearray)):
            return bounded(value[: 2 * LONGEST_VALUE].decode("utf-8", "backslashreplace"), LONGEST_VALUE)
        if issubclass(kind, (list, tuple, set, frozenset, dict)):
            return self._collection(value, kind)
        return _object_text(value, kind)

    def enter(self, collection: object) -> str | None:
        """Step into `collection` and return None, or say why not; then `leave` is not to be called."""
        if id(collection) in self.parents:
            return "cycle"
        if len(self.parents) >= DEEPEST:
            return "too deep"
        if self.values_left <= 0:
            return "too many values"
        self.parents.append(id(collection))
        return None

    def leave(self) -> None:
        """Step out of the collection entered last."""
        self.parents.pop()

    def _collection(self, value: Any, kind: type) -> Any:
        refused = self.enter(value)
        if refused:
            return f"({refused})"
        try:
            if issubclass(kind, dict):
                return dict(self._item(key, item) for key, item in first_items(value))
            items = [self._value(item) for item in islice(iter(value), MOST_ITEMS)]
        finally:
            self.leave()
        if len(value) > MOST_ITEMS:
            items.append(f"({len(value) - MOST_ITEMS} more)")
        return items

    def _item(self, key: object, value: object) -> tuple[str, Any]:
        name = key_text(key)
        return name, MASK if is_hidden(name) else self._value(value)

    def _value(self, value: object) -> Any:
        self.values_left -= 1
        if self.values_left <= 0:
            return "(too many values)"
        plain = self.plain(value)
        # a text of JSON within the line, which orjson makes, cannot hold half a character
        return show_surrogates(plain) if type(plain) is str else plain


def first_items(mapping: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Return the first items of `mapping` as they are stored, whatever its class made of `items()`."""
    return list(islice(dict.items(mapping), MOST_ITEMS))


def key_text(key: object) -> str:
    """Return `key` as a name that readers of nested and of dotted names can hold."""
    if type(key) is str and len(key) < 20 and key.isidentifier():
        return key
    text = mask_head(key if type(key) is str else Walk().text(key), LONGEST_KEY)
    text = _UNSAFE_IN_KEYS.sub("_", text)
    if "." in text:  # no empty names between dots
        text = ".".join(filter(None, text.split(".")))
    return text or "_"


def _integer(value: int) -> int | str:
    bits = value.bit_length()
    if bits <= 63:
        return value
    return int.__repr__(value) if bits <= 4096 else f"(a number of {bits} bits)"


def _object_text(value: Any, kind: type) -> str:
    if kind.__module__ in _SPEAKING_MODULES or (kind.__module__, kind.__name__) == _LAZY_TEXT:
        return bounded(str(value), LONGEST_VALUE)
    if issubclass(kind, BaseException):
        return bounded(f"{kind.__name__}: {value}", LONGEST_VALUE)
    if issubclass(kind, type):
        return f"<class {value.__module__}.{value.__qualname__}>"
    meta = getattr(kind, "_meta", None)  # a Django model: its primary key, if it has one already
    if meta is not None and hasattr(meta, "label") and hasattr(meta, "pk"):
        key = object.__getattribute__(value, "__dict__").get(meta.pk.attname)
        return f"<{meta.label} {Walk().text(key)}>"
    return mask_text(f"<{kind.__module__}.{kind.__qualname__}>")
