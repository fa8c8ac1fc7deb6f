"""Answers that are kept, for texts that come with every request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Remembered(dict[str, T]):
    """What a function returns for a text: `table[text]` costs a third of a call of what `lru_cache` makes.

    Texts come from clients, who may be many, and hostile: it is emptied when it holds `most` of them, and one of more
    than `longest` characters is not kept.
    """

    __slots__ = ("_function", "_longest", "_most")

    def __init__(self, function: Callable[[str], T], *, most: int = 1024, longest: int = 512) -> None:
        super().__init__()
        self._function = function
        self._most = most
        self._longest = longest

    def __missing__(self, text: str) -> T:
        value = self._function(text)
        if len(text) <= self._longest:
            if len(self) >= self._most:
                self.clear()
            self[text] = value
        return value
