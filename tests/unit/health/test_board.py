"""The page of memory that the processes of one server share."""

import os

import pytest

from django_ops.health.board import Board


def in_child(function):
    pid = os.fork()
    if pid == 0:
        function()
        os._exit(0)
    os.waitpid(pid, 0)


def test_board__nobody_stops_at_first():
    assert not Board().stopping


def test_board__no_probe_knows_at_first():
    assert Board().seen_at == 0.0


def test_board__wait_is_unknown_at_first():
    assert Board().wait_seconds < 0


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("name", "value"), [("stopping", True), ("seen_at", 12.5), ("wait_seconds", 7.25)])
def test_board__child_tells_parent(name, value):
    board = Board()
    in_child(lambda: setattr(board, name, value))
    assert getattr(board, name) == value


def test_board__values_do_not_overlap():
    board = Board()
    board.stopping, board.seen_at, board.wait_seconds = True, 12.5, 7.25
    assert (board.stopping, board.seen_at, board.wait_seconds) == (True, 12.5, 7.25)
