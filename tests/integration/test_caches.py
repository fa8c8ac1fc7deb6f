"""The cache series, against a real Redis and a real memcached through Django's cache framework."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from pytest_django import Settings

from django_ops.metrics import caches as counted_caches
from tests.integration import services
from tests.integration.series import Growth

ALIASES = ["redis", "memcached"]


@pytest.fixture
def growth(settings: Settings, request: pytest.FixtureRequest) -> Iterator[Growth]:
    """Configure the cache that the test is about, empty it, and begin to count."""
    alias = request.node.callspec.params["alias"] if hasattr(request.node, "callspec") else "redis"
    settings.CACHES = {alias: backend_of(alias, request)}
    counted_caches.install()
    caches[alias].clear()
    yield Growth()
    caches.close_all()


def backend_of(alias: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    if alias == "memcached":
        server = request.getfixturevalue("memcached")
        return {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": f"{server.host}:{server.port}",
        }
    server = request.getfixturevalue("redis_server")
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": server.url}


@pytest.mark.parametrize("alias", ALIASES)
def test_get__of_a_present_key_is_a_hit(alias: str, growth: Growth) -> None:
    caches[alias].set("key", "value")
    caches[alias].get("key")
    assert look_ups(growth, alias) == (1, 1, 0, 0)


@pytest.mark.parametrize("alias", ALIASES)
def test_get__of_an_absent_key_is_a_miss(alias: str, growth: Growth) -> None:
    caches[alias].get("key")
    assert look_ups(growth, alias) == (1, 0, 1, 0)


@pytest.mark.parametrize("alias", ALIASES)
def test_get__of_an_absent_key_returns_the_default(alias: str, growth: Growth) -> None:
    assert caches[alias].get("key", "the default") == "the default"


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("value", [0, "", [], {}, False, None])
def test_get__returns_a_cached_false_value_instead_of_the_default(alias: str, value: object, growth: Growth) -> None:
    caches[alias].set("key", value)
    assert caches[alias].get("key", "the default") == value


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("value", [0, "", [], False, None])
def test_get__of_a_cached_false_value_is_a_hit(alias: str, value: object, growth: Growth) -> None:
    caches[alias].set("key", value)
    caches[alias].get("key")
    assert look_ups(growth, alias) == (1, 1, 0, 0)


@pytest.mark.parametrize("alias", ALIASES)
def test_get_many__counts_each_key(alias: str, growth: Growth) -> None:
    caches[alias].set_many({"one": 1, "two": 0})
    caches[alias].get_many(["one", "two", "three"])
    assert look_ups(growth, alias) == (3, 2, 1, 0)


@pytest.mark.parametrize("alias", ALIASES)
def test_get_many__takes_a_generator(alias: str, growth: Growth) -> None:
    caches[alias].set_many({"one": 1, "two": 2})
    assert caches[alias].get_many(name for name in ("one", "two")) == {"one": 1, "two": 2}


@pytest.mark.parametrize("alias", ALIASES)
def test_get_or_set__counts_its_look_up_as_one_miss(alias: str, growth: Growth) -> None:
    caches[alias].get_or_set("key", lambda: 5)
    # Django looks again after adding, in case another process was faster
    assert look_ups(growth, alias) == (2, 1, 1, 0)


OPERATIONS: dict[str, Callable[[BaseCache], Any]] = {
    "get": lambda cache: cache.get("key"),
    "get_many": lambda cache: cache.get_many(["key"]),
    "set": lambda cache: cache.set("key", 2),
    "add": lambda cache: cache.add("other", 2),
    "touch": lambda cache: cache.touch("key", 5),
    "delete": lambda cache: cache.delete("key"),
    "incr": lambda cache: cache.incr("key"),
    "has_key": lambda cache: cache.has_key("key"),
    "set_many": lambda cache: cache.set_many({"key": 1, "other": 2}),
    "delete_many": lambda cache: cache.delete_many(["key", "other"]),
    "clear": lambda cache: cache.clear(),
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation__is_timed_once(alias: str, operation: str, growth: Growth) -> None:
    caches[alias].set("key", 1)
    growth = Growth()
    OPERATIONS[operation](caches[alias])
    assert timed(growth, alias, operation) == 1


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation__is_timed_under_no_other_name(alias: str, operation: str, growth: Growth) -> None:
    caches[alias].set("key", 1)
    growth = Growth()
    OPERATIONS[operation](caches[alias])
    assert sum(timed(growth, alias, other) for other in OPERATIONS if other != operation) == 0


@pytest.mark.parametrize("alias", ALIASES)
def test_duration__is_that_of_the_operation(alias: str, growth: Growth) -> None:
    caches[alias].get("key")
    assert 0 < growth("django_ops_cache_operation_duration_seconds_sum", alias=alias, operation="get") < 5


@pytest.mark.parametrize("alias", ALIASES)
def test_incr__of_an_absent_key_is_no_error(alias: str, growth: Growth) -> None:
    with pytest.raises(ValueError, match="not found"):
        caches[alias].incr("absent")
    assert growth("django_ops_cache_errors_total", alias=alias, operation="incr", type="ValueError") == 0


def test_get__from_a_redis_that_is_gone_counts_a_failure(settings: Settings) -> None:
    with services.start_redis() as server:
        settings.CACHES = {
            "gone": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": server.url},
        }
        caches["gone"].set("key", "value")
    growth = Growth()
    with pytest.raises(Exception, match="Connection refused"):
        caches["gone"].get("key")
    assert look_ups(growth, "gone") == (1, 0, 0, 1)


def test_set__to_a_redis_that_is_gone_counts_an_error_by_type(settings: Settings) -> None:
    port = services.held_port()
    settings.CACHES = {
        "gone": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"redis://127.0.0.1:{port}/0"},
    }
    growth = Growth()
    with pytest.raises(Exception, match="Connection refused"):
        caches["gone"].set("key", "value")
    assert growth("django_ops_cache_errors_total", alias="gone", operation="set", type="ConnectionError") == 1


def test_get_many__from_a_memcached_that_is_gone_counts_a_failure_per_key(settings: Settings) -> None:
    port = services.held_port()
    settings.CACHES = {
        "gone": {
            "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
            "LOCATION": f"127.0.0.1:{port}",
        },
    }
    growth = Growth()
    with pytest.raises(ConnectionRefusedError):
        caches["gone"].get_many(["one", "two"])
    assert look_ups(growth, "gone") == (2, 0, 0, 2)


def test_cache__stays_an_instance_of_its_backend(growth: Growth) -> None:
    from django.core.cache.backends.redis import RedisCache

    assert isinstance(caches["redis"], RedisCache)


@pytest.fixture
def tiered(settings: Settings, request: pytest.FixtureRequest) -> BaseCache:
    """A cache that asks the cache with the alias `redis`, which is empty."""
    settings.CACHES = {
        "redis": backend_of("redis", request),
        "tiered": {"BACKEND": "tests.integration.tiered.TieredCache", "LOCATION": "redis"},
    }
    caches["redis"].clear()
    return caches["tiered"]


def test_cache_within_a_cache__is_counted_under_its_own_alias(tiered: BaseCache) -> None:
    growth = Growth()
    tiered.get("key")
    assert (look_ups(growth, "tiered"), look_ups(growth, "redis")) == ((1, 0, 1, 0), (1, 0, 1, 0))


def test_cache_within_a_cache__is_timed_under_its_own_alias(tiered: BaseCache) -> None:
    growth = Growth()
    tiered.get("key")
    assert (timed(growth, "tiered", "get"), timed(growth, "redis", "get")) == (1, 1)


def test_backend_of_django_prometheus__does_not_count_its_look_ups_twice(settings: Settings) -> None:
    settings.CACHES = {"theirs": {"BACKEND": "django_prometheus.cache.backends.locmem.LocMemCache"}}
    growth = Growth()
    caches["theirs"].get("key")
    assert (look_ups(growth, "theirs")[0], growth("django_cache_get_total", backend="locmem")) == (0, 1)


def test_aget__is_counted_once(growth: Growth) -> None:
    async def look_up() -> None:
        await caches["redis"].aget("absent")

    asyncio.run(look_up())
    assert look_ups(growth, "redis") == (1, 0, 1, 0)


def look_ups(growth: Growth, alias: str) -> tuple[float, float, float, float]:
    """Return how many keys were looked up, found, not found, and could not be looked up."""
    return (
        growth("django_cache_get_total", backend=alias),
        growth("django_cache_get_hits_total", backend=alias),
        growth("django_cache_get_misses_total", backend=alias),
        growth("django_cache_get_fail_total", backend=alias),
    )


def timed(growth: Growth, alias: str, operation: str) -> float:
    return growth("django_ops_cache_operation_duration_seconds_count", alias=alias, operation=operation)
