import asyncio
import contextvars

import pytest
from django.core.cache import caches

from tests.unit.metrics.observed import labels_of, look_ups, timed

pytestmark = pytest.mark.usefixtures("configured_caches")


@pytest.mark.parametrize(
    ("operation", "arguments", "counts"),
    [("aget", ("key",), (1.0, 1.0, 0.0, 0.0)), ("aget", ("absent",), (1.0, 0.0, 1.0, 0.0)),
     ("aget_many", (["key", "absent"],), (2.0, 1.0, 1.0, 0.0))],
)  # fmt: skip
@pytest.mark.parametrize("alias", ["default", "async"])
def test_async_look_up__is_counted_once(alias, operation, arguments, counts):
    async def run():
        await caches[alias].aset("key", 0)
        return await getattr(caches[alias], operation)(*arguments)

    asyncio.run(run())
    assert look_ups(alias) == counts


def test_async_backend__is_timed_once():
    asyncio.run(caches["async"].aset("key", 1))
    assert timed("async") == {("set", 1.0)}


def test_async_operation__that_is_built_of_others_is_timed_once():
    asyncio.run(caches["async"].aset_many({"a": 1, "b": 2}))
    assert timed("async") == {("set_many", 1.0)}


def test_async_backend__that_fails_is_counted():
    with pytest.raises(ConnectionError):
        asyncio.run(caches["async"].aget("fail"))
    assert look_ups("async") == (1.0, 0.0, 0.0, 1.0)


def test_async_backend__that_fails_for_many_counts_each_key():
    with pytest.raises(ConnectionError):
        asyncio.run(caches["async"].aget_many(["a", "fail"]))
    assert look_ups("async") == (2.0, 0.0, 0.0, 2.0)


def test_async_backend__without_such_a_key_is_no_error():
    with pytest.raises(ValueError, match="no such key"):
        asyncio.run(caches["async"].aincr("key"))
    assert labels_of("django_ops_cache_errors_total", "type") == set()


def test_async_backend__returns_the_default():
    assert asyncio.run(caches["async"].aget("absent", 7)) == 7


def test_async_operation__that_is_closed_in_another_context_raises_nothing():
    coroutine = caches["async"].aget("key")
    contextvars.copy_context().run(coroutine.send, None)
    coroutine.close()


def test_async_tasks__do_not_hide_each_other():
    async def run():
        await asyncio.gather(*(caches["async"].aget("key") for _ in range(20)))

    asyncio.run(run())
    assert look_ups("async")[0] == 20.0
