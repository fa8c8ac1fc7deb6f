"""Counts and times what is asked of each cache, by alias, whatever its backend."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from time import perf_counter_ns
from types import TracebackType
from typing import Any

import django.core.cache
from django.core.cache import CacheHandler, caches
from django.core.cache.backends.base import BaseCache

from django_ops.metrics import catalog
from django_ops.patches import patch

_MISSING = object()

#: The cache within whose operation this thread or task is: backends build some operations out of others. A cache
#: that asks another one (a tiered cache) is two, and each counts.
_inside: ContextVar[object] = ContextVar("django_ops_cache", default=None)


def install() -> None:
    """Count the operations of every cache there is and will be."""
    patch(django.core.cache, "import_string", _importing_counted_classes)
    patch(CacheHandler, "create_connection", _naming_what_it_creates)
    for alias in caches.settings:
        is_open = hasattr(caches._connections, alias)  # type: ignore[attr-defined]
        if is_open and not isinstance(caches[alias], CountedCache):
            if vars(caches[alias]).keys() & vars(CountedCache).keys():
                del caches[alias]  # made anew it counts; this one has functions of others, which call the backend's own
            else:
                count_operations(caches[alias], alias)


def _importing_counted_classes(import_string: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let Django make a cache that counts from its birth.

    Sentry and the debug toolbar set attributes on the cache that Django has made, which hide those of its class, and
    call the methods that it had then: these must be ours.
    """

    @functools.wraps(import_string)
    def import_counted(dotted_path: str) -> Any:
        found = import_string(dotted_path)
        if isinstance(found, type) and issubclass(found, BaseCache):
            return _counted_class(found)  # type: ignore[arg-type]  # a class is hashable
        return found

    return import_counted


def _naming_what_it_creates(
    create_connection: Callable[[CacheHandler, str], BaseCache],
) -> Callable[[CacheHandler, str], BaseCache]:
    @functools.wraps(create_connection)
    def create_counted(self: CacheHandler, alias: str) -> BaseCache:
        return count_operations(create_connection(self, alias), alias)

    return create_counted


def count_operations(cache: BaseCache, alias: str) -> BaseCache:
    """Make `cache` count under `alias`, and return it. It stays an instance of its backend's class."""
    if not isinstance(cache, CountedCache):
        cache.__class__ = _counted_class(type(cache))  # type: ignore[arg-type]  # a class is hashable
    cache.__dict__["_ops_alias"] = alias
    return cache


@functools.cache
def _counted_class(backend: type[BaseCache]) -> type[BaseCache]:
    members: dict[str, Any] = {"__module__": backend.__module__}
    for operation, counted in _ASYNC.items():
        native = getattr(backend, operation)
        # Django's own call the sync ones in a thread, and are counted there
        if native is not getattr(BaseCache, operation):
            members[operation] = counted(native)
    return type(backend.__name__, (CountedCache, backend), members)


class _Operation:
    """Times what is asked of a cache within a `with` block, and counts what it raises."""

    __slots__ = ("cache", "name", "started_ns", "token")

    def __init__(self, cache: CountedCache, name: str) -> None:
        self.cache = cache
        self.name = name

    def __enter__(self) -> None:
        self.token = _inside.set(self.cache)
        self.started_ns = perf_counter_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = (perf_counter_ns() - self.started_ns) * 1e-9
        try:
            _inside.reset(self.token)
        except ValueError:  # a coroutine that nobody awaited to its end is closed outside of its context
            pass
        alias = self.cache._ops_alias
        # incr of a missing key raises ValueError by contract; it is an answer, not a failure
        if isinstance(error, Exception) and not isinstance(error, ValueError):
            catalog.CACHE_ERRORS.inc(alias, self.name, type(error).__name__)
        catalog.CACHE_SECONDS.observe(seconds, alias, self.name)


def _timed(operation: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = getattr(super(CountedCache, self), operation)
        if _inside.get() is self:
            return call(*args, **kwargs)
        with _Operation(self, operation):
            return call(*args, **kwargs)

    method.__name__ = operation
    return method


class CountedCache:
    """Mixed into a backend's class. Default values are never compared with what the cache holds."""

    _ops_alias: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        token = _inside.set(self)  # it has no alias yet: what it asks itself is not counted
        try:
            super().__init__(*args, **kwargs)
        finally:
            _inside.reset(token)

    def get(self, key: Any, default: Any = None, version: int | None = None, **kwargs: Any) -> Any:
        """Fetch one key. A cached None, 0 or "" is a hit."""
        get = super().get  # type: ignore[misc]
        if _inside.get() is self:
            return get(key, default, version=version, **kwargs)
        try:
            with _Operation(self, "get"):
                value = get(key, _MISSING, version=version, **kwargs)
        except Exception:
            self._count_failure(1)
            raise
        self._count_keys(1, int(value is not _MISSING))
        return default if value is _MISSING else value

    def get_many(self, keys: Iterable[Any], version: int | None = None, **kwargs: Any) -> Any:
        """Fetch several keys; each counts as one look-up."""
        get_many = super().get_many  # type: ignore[misc]
        if _inside.get() is self:
            return get_many(keys, version=version, **kwargs)
        wanted = list(keys)
        try:
            with _Operation(self, "get_many"):
                found = get_many(wanted, version=version, **kwargs)
        except Exception:
            self._count_failure(len(wanted))
            raise
        self._count_keys(len(wanted), len(found))
        return found

    add = _timed("add")
    set = _timed("set")
    touch = _timed("touch")
    delete = _timed("delete")
    incr = _timed("incr")
    decr = _timed("decr")
    has_key = _timed("has_key")
    set_many = _timed("set_many")
    delete_many = _timed("delete_many")
    clear = _timed("clear")

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


def _async_get(aget: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def counted_aget(
        self: CountedCache, key: Any, default: Any = None, version: int | None = None, **kwargs: Any
    ) -> Any:
        if _inside.get() is self:
            return await aget(self, key, default, version=version, **kwargs)
        try:
            with _Operation(self, "get"):
                value = await aget(self, key, _MISSING, version=version, **kwargs)
        except Exception:
            self._count_failure(1)
            raise
        self._count_keys(1, int(value is not _MISSING))
        return default if value is _MISSING else value

    return counted_aget


def _async_get_many(aget_many: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def counted_aget_many(
        self: CountedCache, keys: Iterable[Any], version: int | None = None, **kwargs: Any
    ) -> Any:
        if _inside.get() is self:
            return await aget_many(self, keys, version=version, **kwargs)
        wanted = list(keys)
        try:
            with _Operation(self, "get_many"):
                found = await aget_many(self, wanted, version=version, **kwargs)
        except Exception:
            self._count_failure(len(wanted))
            raise
        self._count_keys(len(wanted), len(found))
        return found

    return counted_aget_many


def _async_timed(operation: str) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
    def counted(native: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def method(self: CountedCache, *args: Any, **kwargs: Any) -> Any:
            if _inside.get() is self:
                return await native(self, *args, **kwargs)
            with _Operation(self, operation):
                return await native(self, *args, **kwargs)

        return method

    return counted


#: How to count a backend's own async methods, by name.
_ASYNC: dict[str, Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]] = {
    "aget": _async_get,
    "aget_many": _async_get_many,
    **{
        f"a{operation}": _async_timed(operation)
        for operation in (
            "add", "set", "touch", "delete", "incr", "decr", "has_key", "set_many", "delete_many", "clear",
        )
    },
}  # fmt: skip
