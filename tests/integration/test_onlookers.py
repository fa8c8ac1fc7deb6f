"""Beside Sentry and the debug toolbar, wired up before us or after us: our numbers, and what they show."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.integration import plays

ORDERS = [(onlooker, position) for onlooker in ("sentry", "toolbar") for position in ("before", "after")]


@functools.cache
def play(onlooker: str, position: str) -> Any:
    return plays.play("onlookers", onlooker, position)


@pytest.mark.parametrize(("onlooker", "position"), ORDERS)
def test_numbers__are_the_same_beside_an_onlooker(onlooker, position):
    assert play(onlooker, position)["counted"] == play("none", "before")["counted"]


@pytest.mark.parametrize(("onlooker", "position"), ORDERS)
def test_onlooker__sees_what_it_sees_without_us(onlooker, position):
    seen = play(onlooker, "alone")["seen"]
    assert [bool(each) for each in seen[:2]] == [True, True]
    assert play(onlooker, position)["seen"] == seen


def test_numbers__are_those_of_the_requests():
    counted = play("none", "before")["counted"]
    assert counted["django_cache_get_total backend=default"] == 11
    assert counted["django_db_new_connection_errors_total alias=gone vendor=sqlite"] == 2
    assert counted["django_ops_http_requests_total outcome=disconnect"] == 1
    assert counted["django_ops_celery_tasks_total outcome=failure task=shop.divide"] == 1
