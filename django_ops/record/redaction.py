"""What may be shown of a text, a path and a query string: secrets are masked by their key and by their form."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, quote_plus, unquote_plus

from django_ops.record.hidden_keys import any_is_hidden, configure, is_hidden, until_configured
from django_ops.record.secret_pairs import MASK
from django_ops.record.secret_patterns import mask_text

__all__ = [
    "MASK", "allowed_query", "any_is_hidden", "configure", "is_hidden", "mask_head", "mask_path", "mask_text",
    "until_configured",
]  # fmt: skip

_LONGEST_QUERY = 4096  # characters that are looked at
_OVERLAP = 1024  # characters behind the end that are looked at, so that a secret is not cut before it is seen
_SHORT_VALUE = 4  # characters; a shorter value is masked only where it is a whole segment of the path


def mask_head(text: str, longest: int) -> str:
    """Return the first `longest` characters of `text` with secrets masked, also one that reaches beyond them."""
    if len(text) <= longest:
        return mask_text(text)
    return mask_text(text[: longest + _OVERLAP])[:longest]


def mask_path(path: str, kwargs: Mapping[str, object]) -> str:
    """Mask in `path` the values of those of the resolver's `kwargs` whose name is hidden.

    Django's link for resetting a password carries its token in the path: `reset/<uidb64>/<token>/`.
    """
    for name in kwargs:
        if is_hidden(name):
            path = _mask_value(path, str(kwargs[name]))
    return path


def _mask_value(path: str, value: str) -> str:
    for form in {value, quote(value, safe="", errors="replace"), quote(value, errors="replace")}:
        if len(form) >= _SHORT_VALUE:
            path = path.replace(form, MASK)
        elif form:
            path = "/".join(MASK if segment == form else segment for segment in path.split("/"))
    return path


def allowed_query(query_string: str, keys: frozenset[str]) -> str:
    """Return the part of `query_string` whose keys are in `keys`, with secrets masked; "" when there is none."""
    if not keys or not query_string:
        return ""
    allowed = []
    for pair in query_string[:_LONGEST_QUERY].split("&"):
        name, _, value = pair.partition("=")
        name = unquote_plus(name, errors="replace")
        if name in keys:
            shown = MASK if is_hidden(name) else mask_text(unquote_plus(value, errors="replace"))
            allowed.append(f"{quote_plus(name, errors='replace')}={quote_plus(shown, safe='*', errors='replace')}")
    return "&".join(allowed)
