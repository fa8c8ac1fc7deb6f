"""Caches in Redis and memcached whose entries are JSON, so that whoever may write there cannot run code here.

Django's own backends keep pickles, and to read a pickle is to run what its writer wants. As the BACKEND of a cache:
`django_ops.guard.caches.RedisCache` or `django_ops.guard.caches.PyMemcacheCache`. An entry comes back as it was set, or
`set` raises TypeError. What is in the store and is not ours, such as an old pickle, counts as not there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from django.core.cache.backends import memcached, redis
from django.core.cache.backends.base import BaseCache
from django.utils.safestring import SafeString

#: In place of what is in the store and is no entry of ours.
UNREADABLE = object()


def encode(value: Any) -> bytes:
    """Return an entry. Raises TypeError for a value that would not come back as it was."""
    refuse_what_would_change(value)
    return json.dumps(value, separators=(",", ":")).encode()


def decode(entry: bytes) -> Any:
    """Return an entry's value, or UNREADABLE."""
    try:
        return json.loads(entry.decode())
    except (ValueError, RecursionError):
        return UNREADABLE


def refuse_what_would_change(value: Any) -> None:
    """Raise TypeError for a value that JSON has no form for, or another one."""
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f"The cache keeps JSON, whose keys are text: not the {type(key).__name__} {key!r:.80}")
            refuse_what_would_change(item)
    elif kind is list:
        for item in value:
            refuse_what_would_change(item)
    elif kind is float and not math.isfinite(value):
        raise TypeError(f"The cache keeps JSON, which has no {value}")
    # a template's fragment is cached marked as safe, and is not marked when it comes back
    elif value is not None and kind not in (str, int, float, bool, SafeString):
        raise TypeError(
            f"The cache keeps JSON, which has no {kind.__module__}.{kind.__qualname__}: set a text, a number, a list or"
            " a dict that it can be made of again"
        )


class RedisSerializer:
    """What Django's Redis backend asks for."""

    dumps = staticmethod(encode)
    loads = staticmethod(decode)


class MemcachedSerializer:
    """What pymemcache asks for. A flag says of an entry what it is; pymemcache's own begin at 1."""

    flag = 1 << 8

    def serialize(self, key: bytes, value: Any) -> tuple[bytes, int]:
        """Return an entry and its flags."""
        return encode(value), self.flag

    def deserialize(self, key: bytes, value: bytes, flags: int) -> Any:
        """Return an entry's value, or UNREADABLE."""
        return decode(value) if flags == self.flag else UNREADABLE


class _JSONCache(BaseCache):
    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        value = super().get(key, UNREADABLE, version)
        return default if value is UNREADABLE else value

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        found = super().get_many(keys, version)
        return {key: value for key, value in found.items() if value is not UNREADABLE}


class RedisCache(_JSONCache, redis.RedisCache):
    """Django's cache in Redis, with entries of JSON."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, _with_option(params, "serializer", RedisSerializer))


class PyMemcacheCache(_JSONCache, memcached.PyMemcacheCache):
    """Django's cache in memcached, with entries of JSON."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, _with_option(params, "serde", MemcachedSerializer()))

    # before pymemcache, which takes any error for one of the server, and passes over it with ignore_exc
    def add(self, key: str, value: Any, *arguments: Any, **options: Any) -> bool:
        refuse_what_would_change(value)
        return bool(super().add(key, value, *arguments, **options))

    def set(self, key: str, value: Any, *arguments: Any, **options: Any) -> None:
        refuse_what_would_change(value)
        super().set(key, value, *arguments, **options)

    def set_many(self, data: dict[str, Any], *arguments: Any, **options: Any) -> list[str]:
        refuse_what_would_change(list(data.values()))
        return list(super().set_many(data, *arguments, **options))


def _with_option(params: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    return {**params, "OPTIONS": {**(params.get("OPTIONS") or {}), name: value}}
