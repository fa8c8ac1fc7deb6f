"""What is open ends within the stated time after its user may no longer have it open."""

from __future__ import annotations

import asyncio

import pytest

from django_ops.access.gate import proxy_watch
from django_ops.access.gate.proxy_watch import watched
from tests.unit import clock

WITHIN_SECONDS = 0.25


class Guard:
    """Says whether somebody may stay, and counts the questions."""

    def __init__(self) -> None:
        self.answer: bool | Exception = True
        self.asked = 0
        self.seconds = 0.0

    async def __call__(self) -> bool:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def seconds_until_ended(guard: Guard) -> float:
    ended = asyncio.Event()
    with watched("session", guard, ended.set, WITHIN_SECONDS):
        await asyncio.sleep(WITHIN_SECONDS * 1.1)
        assert not ended.is_set()
        guard.answer = False
        started = clock.now()
        async with asyncio.timeout(5):
            await ended.wait()
        return clock.now() - started


def test_watched__stays_while_it_may():
    async def run() -> int:
        guard, ended = Guard(), asyncio.Event()
        with watched("session", guard, ended.set, 0.05):
            await asyncio.sleep(0.3)
        assert not ended.is_set()
        return guard.asked

    assert clock.run(run()) >= 2


def test_watched__ends_within_the_time__accept_11():
    assert clock.run(seconds_until_ended(Guard())) < WITHIN_SECONDS


def test_watched__ends_when_it_cannot_be_told(caplog):
    async def run() -> None:
        guard, ended = Guard(), asyncio.Event()
        guard.answer = ConnectionError("the session store is down")
        with watched("session", guard, ended.set, 0.05):
            async with asyncio.timeout(5):
                await ended.wait()

    clock.run(run())
    assert "the session store is down" in caplog.text


@pytest.mark.usefixtures("caplog")
def test_watched__ends_when_nobody_answers_in_time():
    async def run() -> float:
        guard, ended = Guard(), asyncio.Event()
        guard.seconds = 60
        started = clock.now()
        with watched("session", guard, ended.set, 0.1):
            async with asyncio.timeout(5):
                await ended.wait()
        return clock.now() - started

    assert clock.run(run()) < 1


def test_watched__asks_once_for_all_of_a_session():
    async def run() -> tuple[int, int]:
        guard, ended = Guard(), []
        with (
            watched("session", guard, lambda: ended.append(1), 0.1),
            watched("session", guard, lambda: ended.append(2), 0.1),
        ):
            guard.answer = False
            await asyncio.sleep(0.3)
        return guard.asked, len(ended)

    assert clock.run(run()) == (1, 2)


def test_watched__of_another_session_is_asked_of_its_own():
    async def run() -> list[str]:
        gone, stays, ended = Guard(), Guard(), []
        gone.answer = False
        with (
            watched("gone", gone, lambda: ended.append("gone"), 0.1),
            watched("stays", stays, lambda: ended.append("stays"), 0.1),
        ):
            await asyncio.sleep(0.3)
        return ended

    assert clock.run(run()) == ["gone"]


def test_watched__who_comes_after_the_end_is_watched_anew():
    async def run() -> int:
        guard, ended = Guard(), []
        guard.answer = False
        with watched("session", guard, lambda: ended.append(1), 0.05):
            await asyncio.sleep(0.15)
            with watched("session", guard, lambda: ended.append(2), 0.05):
                await asyncio.sleep(0.15)
        return len(ended)

    assert clock.run(run()) == 2


def test_watched__leaves_nothing_behind():
    async def run() -> int:
        for _ in range(10):
            with watched("session", Guard(), lambda: None, 60):
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()) - 1

    assert clock.run(run()) == 0
    assert proxy_watch._watches == {}


def test_watched__an_inner_block_may_end_first():
    async def run() -> int:
        guard, ended = Guard(), []
        with watched("session", guard, lambda: ended.append("outer"), 0.05):
            with watched("session", guard, lambda: ended.append("inner"), 0.05):
                pass
            guard.answer = False
            await asyncio.sleep(0.2)
        return ended

    assert clock.run(run()) == ["outer"]
