import pickle
import threading

import django.core.cache
import pytest
from django.core.cache import CacheHandler, caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django_prometheus.cache.backends.locmem import LocMemCache as TheirLocMemCache

from django_ops import patches
from django_ops.metrics import caches as counted
from tests.unit.metrics.observed import labels_of, look_ups, timed, value

FALSY = [0, "", [], False, None, {}]

pytestmark = pytest.mark.usefixtures("configured_caches")


def test_get__of_a_present_key_is_a_hit():
    caches["default"].set("key", "value")
    caches["default"].get("key")
    assert look_ups("default") == (1.0, 1.0, 0.0, 0.0)


def test_get__of_an_absent_key_is_a_miss():
    caches["default"].get("key")
    assert look_ups("default") == (1.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize("default", [None, 0, "a default"])
def test_get__of_an_absent_key_returns_the_default(default):
    assert caches["default"].get("key", default) is default


@pytest.mark.parametrize("cached", FALSY)
def test_get__of_a_cached_false_value_returns_it(cached):
    caches["default"].set("key", cached)
    assert caches["default"].get("key", "the default") == cached


@pytest.mark.parametrize("cached", [0, "", [], False, {}])
def test_get__of_a_cached_false_value__fails_with_django_prometheus(cached):
    """`return cached or default`: django_prometheus/cache/backends/locmem.py."""
    cache = TheirLocMemCache("their-defect", {})
    cache.set("key", cached)
    assert cache.get("key", "the default") == "the default"


@pytest.mark.parametrize("cached", FALSY)
def test_get__of_a_cached_false_value_is_a_hit(cached):
    caches["default"].set("key", cached)
    caches["default"].get("key")
    assert look_ups("default") == (1.0, 1.0, 0.0, 0.0)


def test_get_many__counts_each_key():
    caches["default"].set_many({"a": 1, "b": 0})
    caches["default"].get_many(["a", "b", "c"])
    assert look_ups("default") == (3.0, 2.0, 1.0, 0.0)


def test_get_many__of_cached_false_values_loses_them_with_django_prometheus():
    cache = TheirLocMemCache("their-defect", {})
    cache.set_many({"zero": 0, "one": 1})
    assert cache.get_many(["zero", "one"]) == {"one": 1}


def test_get_many__of_cached_false_values_returns_them():
    caches["default"].set_many({"zero": 0, "one": 1})
    assert caches["default"].get_many(["zero", "one"]) == {"zero": 0, "one": 1}


def test_label__is_the_alias():
    """django-prometheus has the backend's class there, the same for both of these (#86, #406)."""
    caches["default"].get("key")
    caches["second"].get("key")
    assert labels_of("django_cache_get_total", "backend") == {"default", "second"}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("add", ("key", 1)),
        ("get", ("key",)),
        ("set", ("key", 1)),
        ("touch", ("key",)),
        ("delete", ("key",)),
        ("has_key", ("key",)),
        ("get_many", (["key"],)),
        ("set_many", ({"key": 1, "other": 2},)),
        ("delete_many", (["key", "other"],)),
        ("clear", ()),
    ],
)
def test_operation__is_timed_once(operation, arguments):
    getattr(caches["default"], operation)(*arguments)
    assert timed("default") == {(operation, 1.0)}


@pytest.mark.parametrize("operation", ["incr", "decr"])
@pytest.mark.parametrize("alias", ["default", "thrifty"])
def test_incr_and_decr__are_timed_once(alias, operation, store):
    caches[alias].set("key", 1)
    getattr(caches[alias], operation)("key")
    assert timed(alias) == {("set", 1.0), (operation, 1.0)}


def test_incr__of_an_absent_key_is_no_error():
    with pytest.raises(ValueError, match="not found"):
        caches["default"].incr("key")
    assert labels_of("django_ops_cache_errors_total", "type") == set()


def test_in_operator__is_a_has_key():
    assert "key" not in caches["default"]
    assert timed("default") == {("has_key", 1.0)}


def test_get_or_set__calculates_once():
    calls = []
    for _ in range(2):
        caches["default"].get_or_set("key", lambda: calls.append(1))
    assert calls == [1]


def test_version__reaches_the_backend():
    caches["default"].set("key", "two", version=2)
    assert (caches["default"].get("key"), caches["default"].get("key", version=2)) == (None, "two")


def test_dummy_cache__misses():
    caches["dummy"].get("key")
    assert look_ups("dummy") == (1.0, 0.0, 1.0, 0.0)


def test_failure__of_a_look_up_is_counted():
    with pytest.raises(ConnectionError):
        caches["failing"].get("key")
    assert look_ups("failing") == (1.0, 0.0, 0.0, 1.0)


def test_failure__is_counted_by_its_type():
    with pytest.raises(ConnectionError):
        caches["failing"].set("key", 1)
    assert value("django_ops_cache_errors_total", alias="failing", operation="set", type="ConnectionError") == 1.0


def test_failure__is_timed():
    with pytest.raises(ConnectionError):
        caches["failing"].get("key")
    assert timed("failing") == {("get", 1.0)}


def test_get_many__that_fails_counts_each_key():
    with pytest.raises(ConnectionError):
        caches["failing"].get_many(["a", "b"])
    assert look_ups("failing") == (2.0, 0.0, 0.0, 2.0)


def test_operation__that_is_built_of_others_is_timed_once():
    with pytest.raises(ConnectionError):
        caches["failing"].get_many(["a", "b"])
    assert timed("failing") == {("get_many", 1.0)}


def test_threads__count_each_for_itself():
    threads = [threading.Thread(target=lambda: caches["default"].get("key")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert look_ups("default")[0] == 8.0


def test_backend_of_django_prometheus__counts_itself_alone():
    """`backend="locmem"` is theirs; were ours added, the sum over all backends would be twice the truth."""
    caches["theirs"].get("key")
    assert look_ups("theirs") == (0.0, 0.0, 0.0, 0.0)


def test_backend_of_django_prometheus__fails_without_being_counted_twice(monkeypatch):
    monkeypatch.setattr(TheirLocMemCache, "get", lambda self, *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        caches["theirs"].get("key")
    assert look_ups("theirs") == (0.0, 0.0, 0.0, 0.0)


def test_cache__stays_an_instance_of_its_backend():
    assert isinstance(caches["default"], LocMemCache)


def test_cache__has_its_backend_s_name():
    assert (type(caches["default"]).__module__, type(caches["default"]).__name__) == (
        "django.core.cache.backends.locmem", "LocMemCache",
    )  # fmt: skip


def test_cached_class__is_made_once_per_backend():
    assert type(caches["default"]) is type(caches["second"])


def test_install__twice_counts_once():
    counted.install()
    counted.install()
    caches["default"].get("key")
    assert look_ups("default")[0] == 1.0


@pytest.fixture
def not_installed(monkeypatch):
    """Django's caches as they were before anything was installed."""
    for owner, name in ((CacheHandler, "create_connection"), (django.core.cache, "import_string")):
        monkeypatch.setattr(owner, name, getattr(owner, name).__wrapped__)
        monkeypatch.delattr(owner, patches.MARK)


def test_install__counts_caches_that_are_open_already(not_installed, settings):
    settings.CACHES = {**settings.CACHES, "open": settings.CACHES["default"]}
    caches["open"].get("key")
    assert look_ups("open")[0] == 0.0
    counted.install()
    caches["open"].get("key")
    assert look_ups("open")[0] == 1.0


def test_install__counts_an_open_cache_that_others_have_patched(not_installed, settings):
    settings.CACHES = {**settings.CACHES, "open": settings.CACHES["default"]}
    cache = caches["open"]
    cache.get = cache.get  # what Sentry and the debug toolbar do
    counted.install()
    caches["open"].get("key")
    assert look_ups("open")[0] == 1.0


def test_cached_value__is_what_the_backend_stored():
    caches["default"].set("key", {"a": 1})
    assert pickle.loads(pickle.dumps(caches["default"].get("key"))) == {"a": 1}


def test_every_operation_of_django__is_counted_or_built_of_those_that_are():
    built = {"get_or_set", "incr_version", "decr_version", "make_key", "make_and_validate_key", "validate_key",
             "get_backend_timeout", "close"}  # fmt: skip
    public = {name for name in vars(BaseCache) if not name.startswith("_") and callable(getattr(BaseCache, name))}
    sync = {name for name in public if not (name.startswith("a") and name[1:] in public)}
    assert sync - built <= set(dir(counted.CountedCache))
