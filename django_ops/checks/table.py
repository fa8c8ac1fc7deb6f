"""The table of mistakes that `manage.py check` finds: one entry, one function, one stable id each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.core import checks

#: A check function yields one sentence per instance of its mistake.
Finder = Callable[[], Iterator[str]]

LEVELS = {"E": checks.ERROR, "W": checks.WARNING, "I": checks.INFO}

#: `manage.py check --tag django_ops` runs ours only.
TAG = "django_ops"


@dataclass(frozen=True)
class Mistake:
    """One mistake: its id, what it means, what to do about it, and the function that finds it."""

    id: str  # "django_ops.E001": E error, W warning, I information
    title: str  # what is wrong, in a few words
    remedy: str  # the hint: what to do
    deploy: bool  # found by `check --deploy` only
    find: Finder

    def messages(self) -> list[checks.CheckMessage]:
        """Look for the mistake, and say what was found as Django wants it to be said."""
        level = LEVELS[self.id.rpartition(".")[2][0]]
        return [checks.CheckMessage(level, sentence, hint=self.remedy, id=self.id) for sentence in self.find()]

    @property
    def explanation(self) -> str:
        """Why it is a mistake: the function's docstring."""
        return (self.find.__doc__ or "").strip()


#: Every mistake by its id.
TABLE: dict[str, Mistake] = {}


def mistake(number: str, title: str, *, remedy: str, deploy: bool = False) -> Callable[[Finder], Finder]:
    """Enter the decorated function into the table as the one that finds `django_ops.<number>`."""

    def enter(find: Finder) -> Finder:
        name = f"{TAG}.{number}"
        if name in TABLE:
            raise ValueError(f"{name} is taken by {TABLE[name].find.__name__}")
        TABLE[name] = Mistake(name, title, remedy, deploy, find)
        return find

    return enter


def register(mistakes: Iterable[Mistake]) -> None:
    """Register the mistakes with Django, once however often it is called."""
    for entry in mistakes:
        checks.register(_as_check(entry), TAG, deploy=entry.deploy)


@cache
def _as_check(entry: Mistake) -> Callable[..., list[checks.CheckMessage]]:
    """Return a function, as Django writes attributes on what it registers; always the same, as it keeps a set."""

    def check(app_configs: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
        return entry.messages()

    check.__name__ = check.__qualname__ = entry.find.__name__
    return check
