"""The JSON caches in a real Redis and a real memcached: what others left there is not there, and never runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from pytest_django import Settings

pytestmark = pytest.mark.one_python

BACKENDS = {
    "redis": ("django.core.cache.backends.redis.RedisCache", "django_ops.guard.caches.RedisCache"),
    "memcached": (
        "django.core.cache.backends.memcached.PyMemcacheCache",
        "django_ops.guard.caches.PyMemcacheCache",
    ),
}


class Bomb:
    """Makes a directory where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture(params=BACKENDS)
def pickling(request: pytest.FixtureRequest, settings: Settings) -> Iterator[BaseCache]:
    """Django's own cache, beside ours in the same place, empty."""
    server = request.getfixturevalue("redis_server" if request.param == "redis" else "memcached")
    location = server.url if request.param == "redis" else f"{server.host}:{server.port}"
    options = {"OPTIONS": {"ignore_exc": True}} if request.param == "memcached" else {}  # as the stack has it
    settings.CACHES = {
        alias: {"BACKEND": backend, "LOCATION": location, **options}
        for alias, backend in zip(("pickling", "default"), BACKENDS[request.param], strict=True)
    }
    caches["pickling"].clear()
    yield caches["pickling"]
    caches.close_all()


@pytest.fixture
def cache(pickling: BaseCache) -> BaseCache:
    """Ours."""
    return caches["default"]


def test_pickle__is_not_there_and_does_not_run(pickling: BaseCache, cache: BaseCache, tmp_path: Path) -> None:
    pickling.set("key", Bomb(tmp_path / "made"))
    assert cache.get("key") is None
    assert cache.get("key", "the default") == "the default"
    assert cache.get_many(["key"]) == {}
    assert cache.get_or_set("key", "another") == "another"
    assert not (tmp_path / "made").exists()
    pickling.get("key")
    assert (tmp_path / "made").exists(), "a bomb that is none proves nothing"


def test_entry__replaces_a_pickle(pickling: BaseCache, cache: BaseCache) -> None:
    pickling.set("key", {"a": "pickle"})
    cache.set("key", {"of": ["ours"]})
    assert cache.get("key") == {"of": ["ours"]}


@pytest.mark.parametrize("value", [None, False, 0, "", "text", 1.5, [1, [2]], {"a": {"b": None}}, 10**30])
def test_value__comes_back(cache: BaseCache, value: object) -> None:
    cache.set("key", value)
    assert repr(cache.get("key", "the default")) == repr(value)
    assert repr(cache.get_many(["key", "none"])) == repr({"key": value})


def test_number__is_counted(cache: BaseCache) -> None:
    cache.add("key", 5)
    assert (cache.incr("key"), cache.decr("key", 3), cache.get("key")) == (6, 3, 3)


def test_value_that_would_change__is_refused_and_the_former_one_stays(cache: BaseCache) -> None:
    cache.set("key", [1])
    for change in (cache.set, cache.add, lambda key, value: cache.set_many({key: value})):
        with pytest.raises(TypeError, match="The cache keeps JSON"):
            change("key", (1,))
    assert cache.get("key") == [1]
