"""Counts and times what is asked of each cache, by alias, whatever its backend."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from django_ops.metrics import catalog

_MISSING = object()


class _Depth(threading.local):
    """The cache within whose operation this thread is: backends build some operations out of others.

    A cache that asks another one (a tiered cache) is two, and each counts.
    """

    inside: object = None


_depth = _Depth()


def install() -> None:
    """Count the operations of every cache there is and will be."""
    create = caches.create_connection
    if hasattr(create, "__wrapped__"):
        return

    @functools.wraps(create)
    def create_connection(alias: str) -> BaseCache:
        return count_operations(create(alias), alias)

    caches.create_connection = create_connection  # type: ignore[method-assign]
    for alias in caches.settings:
        if hasattr(caches._connections, alias):  # type: ignore[attr-defined]
            count_operations(caches[alias], alias)


def count_operations(cache: BaseCache, alias: str) -> BaseCache:
    """Make `cache` count under `alias`, and return it. It stays an instance of its backend's class."""
    if not isinstance(cache, CountedCache):
        cache.__class__ = _counted_class(type(cache))
        cache.__dict__["_ops_alias"] = alias
    return cache


@functools.cache
def _counted_class(backend: type[BaseCache]) -> type[BaseCache]:
    return type(backend.__name__, (CountedCache, backend), {"__module__": backend.__module__})


def _counted(operation: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _measure(self, operation, getattr(super(CountedCache, self), operation), args, kwargs)

    method.__name__ = operation
    return method


def _measure(cache: CountedCache, operation: str, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    around = _depth.inside
    if around is cache:
        return call(*args, **kwargs)
    _depth.inside = cache
    started_ns = perf_counter_ns()
    try:
        return call(*args, **kwargs)
    except Exception as error:
        # delete_many and incr on a missing key raise ValueError by contract; it is an answer, not a failure
        if not isinstance(error, ValueError):
            catalog.CACHE_ERRORS.inc(cache._ops_alias, operation, type(error).__name__)
        raise
    finally:
        _depth.inside = around
        catalog.CACHE_SECONDS.observe((perf_counter_ns() - started_ns) * 1e-9, cache._ops_alias, operation)


class CountedCache:
    """Mixed into a backend's class. Default values are never compared with what the cache holds."""

    _ops_alias: str

    def get(self, key: Any, default: Any = None, version: int | None = None, **kwargs: Any) -> Any:
        """Fetch one key. A cached None, 0 or "" is a hit."""
        get = super().get  # type: ignore[misc]
        if _depth.inside is self:
            return get(key, default, version=version, **kwargs)
        try:
            value = _measure(self, "get", get, (key, _MISSING), {"version": version, **kwargs})
        except Exception:
            self._count_failure(1)
            raise
        self._count_keys(1, int(value is not _MISSING))
        return default if value is _MISSING else value

    def get_many(self, keys: Iterable[Any], version: int | None = None, **kwargs: Any) -> Any:
        """Fetch several keys; each counts as one look-up."""
        get_many = super().get_many  # type: ignore[misc]
        if _depth.inside is self:
            return get_many(keys, version=version, **kwargs)
        wanted = list(keys)
        try:
            found = _measure(self, "get_many", get_many, (wanted,), {"version": version, **kwargs})
        except Exception:
            self._count_failure(len(wanted))
            raise
        self._count_keys(len(wanted), len(found))
        return found

    add = _counted("add")
    set = _counted("set")
    touch = _counted("touch")
    delete = _counted("delete")
    incr = _counted("incr")
    has_key = _counted("has_key")
    set_many = _counted("set_many")
    delete_many = _counted("delete_many")
    clear = _counted("clear")

    def _counts_itself(self) -> bool:
        return any(base.__module__.startswith("django_prometheus.") for base in type(self).__mro__)

    def _count_keys(self, looked_up: int, found: int) -> None:
        if self._counts_itself():
            return
        catalog.CACHE_GET.inc(self._ops_alias, amount=looked_up)
        catalog.CACHE_HITS.inc(self._ops_alias, amount=found)
        catalog.CACHE_MISSES.inc(self._ops_alias, amount=looked_up - found)

    def _count_failure(self, looked_up: int) -> None:
        if not self._counts_itself():
            catalog.CACHE_GET.inc(self._ops_alias, amount=looked_up)
            catalog.CACHE_FAILURES.inc(self._ops_alias, amount=looked_up)
