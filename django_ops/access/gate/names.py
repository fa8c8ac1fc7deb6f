"""Names that belong to a UI itself: whoever is told to it by one of them would be its own account. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

#: Of Unicode's categories: marks, what is not seen, and separators. UIs and their databases differ in whether these
#: tell two names apart; quotes and backslashes are left out when a mail address is read.
_IGNORED_CATEGORIES = ("M", "C", "Z")
_IGNORED = frozenset("\"'\\")


def is_reserved(value: str, reserved: Iterable[str]) -> bool:
    """Tell whether a UI could take `value`, a username or an e-mail address, for one of the `reserved` names.

    Without regard to case, accents, width and spaces. A reserved address counts wherever it occurs, as UIs read
    addresses out of longer texts: Grafana finds `admin@localhost` in `x <admin@localhost>`.
    """
    folded = fold(value)
    return any(folded == name or ("@" in name and name in folded) for name in map(fold, reserved))


@lru_cache(maxsize=1024)
def fold(value: str) -> str:
    """Return what is left of a name when all is ignored that some system ignores."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold())
    return "".join(
        letter
        for letter in letters
        if unicodedata.category(letter)[0] not in _IGNORED_CATEGORIES and letter not in _IGNORED
    )
