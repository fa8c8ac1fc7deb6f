"""Characters that a log line may not carry as they are."""

from __future__ import annotations

import re

#: What a terminal or a careless reader would obey instead of showing: DEL and C1 controls (NEL, CSI), the line
#: separators of Unicode, and marks that turn the direction of text. (JSON itself escapes the C0 controls.)
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
#: The first bytes of these in UTF-8: a line without any needs no closer look.
_FIRST_BYTES = (0x7F, 0xC2, 0xD8, 0xE2, 0xEF)

_SURROGATE = re.compile("[\ud800-\udfff]")


def escape_obeyed(json_line: bytes) -> bytes:
    """Write those characters as JSON escapes; a JSON parser reads the same text as before."""
    if not any(byte in json_line for byte in _FIRST_BYTES):
        return json_line
    text = json_line.decode()
    for character in set(_OBEYED.findall(text)):
        text = text.replace(character, _escape(character))
    return text.encode()


def count_obeyed(text: str) -> int:
    """Return how many characters of `text` `escape_obeyed` would write with six bytes."""
    return 0 if text.isascii() and "\x7f" not in text else len(_OBEYED.findall(text))


def show_surrogates(text: str) -> str:
    """Write lone surrogates, which UTF-8 cannot carry, as `\\udc80`."""
    return _SURROGATE.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}"
