"""Which entries still forbid their password: the last N, and of those the ones that are young enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar


class Dated(Protocol):
    """What a window looks at."""

    created_at: datetime


D = TypeVar("D", bound=Dated)


@dataclass(frozen=True)
class Window:
    """The last `last` passwords, current one included, that were in use less than `max_age` ago."""

    last: int
    max_age: timedelta | None = None

    def of(self, entries: Sequence[D], now: datetime) -> list[D]:
        """Return those of `entries` (newest first) that forbid their password at `now`.

        An entry was in use until the next newer one was recorded: its age counts from then, so that a
        password of many years is not free again on the day it is replaced. The newest has no age.
        """
        in_use_until = [now, *(entry.created_at for entry in entries)]
        return [
            entry
            for entry, until in zip(entries[: self.last], in_use_until, strict=False)
            if self.max_age is None or now - until < self.max_age
        ]
