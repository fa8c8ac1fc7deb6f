"""Cache backends that do what a real one may do."""

import asyncio

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache


class FailingCache(BaseCache):
    """A server that is gone."""

    def __init__(self, location, params):
        super().__init__(params)

    def get(self, key, default=None, version=None):
        raise ConnectionError("gone")

    def set(self, key, value, timeout=None, version=None):
        raise ConnectionError("gone")


class AsyncCache(BaseCache):
    """A backend that is async itself, and only that. It asks itself, as backends do."""

    def __init__(self, location, params):
        super().__init__(params)
        self.content = {}

    async def aget(self, key, default=None, version=None):
        await asyncio.sleep(0)
        if key == "fail":
            raise ConnectionError("gone")
        return self.content.get(key, default)

    async def aget_many(self, keys, version=None):
        absent = object()
        found = {key: await self.aget(key, absent) for key in keys}
        return {key: value for key, value in found.items() if value is not absent}

    async def aset(self, key, value, timeout=None, version=None):
        self.content[key] = value

    async def aset_many(self, data, timeout=None, version=None):
        for key, value in data.items():
            await self.aset(key, value, timeout, version)
        return []

    async def aincr(self, key, delta=1, version=None):
        raise ValueError("no such key")


class ThriftyCache(LocMemCache):
    """A backend that brings its own decr, as memcached's does."""

    def decr(self, key, delta=1, version=None):
        return self.incr(key, -delta, version)
