"""Does the cache keep what it is given? By a client of its own, with short timeouts, closed after use."""

from __future__ import annotations

import copy
import os
import time
from functools import partial
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.memcached import PyMemcacheCache
from django.core.cache.backends.redis import RedisCache
from django.utils.module_loading import import_string

from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError, NotReadyError
from django_ops.health.check import Check

_KEPT_SECONDS = 10
#: A replica is read a moment after the primary was written.
_READS = 5
_BETWEEN_READS_SECONDS = 0.05


def cache(alias: str = "") -> list[Check]:
    """Make the check of one cache, or of every configured one."""
    return [Check(f"cache:{name}", partial(write_and_read, name)) for name in ([alias] if alias else caches.settings)]


def write_and_read(alias: str) -> None:
    """Set, get and delete a random key.

    Raises what the client raises, NotReadyError when the value is not there (some clients swallow their errors),
    and ImproperlyConfiguredError for an unknown alias.
    """
    if alias not in caches.settings:
        raise ImproperlyConfiguredError(f"OPS_READYZ_CHECKS names the cache {alias!r}, which CACHES has not.")
    client = _client(alias, conf.OPS_READYZ_TIMEOUT_SECONDS)
    if isinstance(client, DummyCache):
        return
    key, value = f"django-ops-readyz-{os.urandom(8).hex()}", os.urandom(8).hex()
    try:
        client.set(key, value, timeout=_KEPT_SECONDS)
        if not _reads(client, key, value):
            raise NotReadyError(
                f"the cache {alias} did not give back what it had just been given: is it full, or its server away?"
            )
        client.delete(key)
    finally:
        _close(client)


def _reads(client: BaseCache, key: str, value: str) -> bool:
    for _ in range(_READS):
        if client.get(key) == value:
            return True
        time.sleep(_BETWEEN_READS_SECONDS)
    return False


def _client(alias: str, timeout_seconds: float) -> BaseCache:
    params: dict[str, Any] = copy.deepcopy(caches.settings[alias])
    backend = import_string(params.pop("BACKEND"))
    location = params.pop("LOCATION", "")
    options = params.setdefault("OPTIONS", {})
    if issubclass(backend, RedisCache):
        options["socket_connect_timeout"] = options["socket_timeout"] = timeout_seconds
    elif issubclass(backend, PyMemcacheCache):
        options["connect_timeout"] = options["timeout"] = timeout_seconds
    client: BaseCache = backend(location, params)
    return client


def _close(client: BaseCache) -> None:
    """Give back the sockets now: Django's Redis cache leaves them to the garbage collector."""
    client.close()
    if isinstance(client, RedisCache) and "_cache" in vars(client):
        for pool in getattr(client._cache, "_pools", {}).values():
            pool.disconnect()
