"""Replaces what belongs to others, once each: every patch of this package is made here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: On the class or module that was patched: the names of its attributes that are ours. Not on the function, which others
#: wrap as well, with or without `functools.wraps`; and a `__wrapped__` may be anybody's.
MARK = "_patched_by_django_ops"


def patch(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Set the attribute `name` of a class or module to what `make` makes of it, unless that was done before.

    Name the class, and not an instance of it: an attribute of the instance would hide what others set on the class.
    """
    patched: tuple[str, ...] = vars(owner).get(MARK, ())
    if name not in patched:
        setattr(owner, name, make(getattr(owner, name)))
        setattr(owner, MARK, (*patched, name))
