import functools

import pytest

from django_ops.patches import patch


@pytest.fixture
def owner():
    return type("Owner", (), {"ask": lambda self: ["theirs"]})


def _ours(ask):
    return lambda self: ["ours", *ask(self)]


def test_patch__twice_is_once(owner):
    patch(owner, "ask", _ours)
    patch(owner, "ask", _ours)
    assert owner().ask() == ["ours", "theirs"]


@pytest.mark.parametrize("wraps", [functools.wraps, lambda original: lambda function: function], ids=["wraps", "plain"])
def test_patch__beside_another_is_once_in_either_order(owner, wraps):
    def other(ask):
        return wraps(ask)(lambda self: ["other", *ask(self)])

    owner.ask = other(owner.ask)
    patch(owner, "ask", _ours)
    owner.ask = other(owner.ask)
    patch(owner, "ask", _ours)
    assert owner().ask() == ["other", "ours", "other", "theirs"]


def test_patch__of_a_base_class_leaves_its_subclasses_to_be_patched(owner):
    class Other(owner):
        def ask(self):
            return ["other"]

    patch(owner, "ask", _ours)
    patch(Other, "ask", _ours)
    assert Other().ask() == ["ours", "other"]
