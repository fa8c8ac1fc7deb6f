"""A cache backend that asks another cache, as people write them to keep hot keys near."""

from __future__ import annotations

from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache


class TieredCache(BaseCache):
    """A cache that holds nothing itself; LOCATION is the alias of the one behind it."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.location = location

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return caches[self.location].get(key, default, version=version)
