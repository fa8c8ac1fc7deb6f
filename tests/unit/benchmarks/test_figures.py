"""Medians, quartiles and turns."""

import pytest

from benchmarks.figures import Summary, added, rotate, summarise


def test_summarise__median_and_quartiles():
    assert summarise([5.0, 1.0, 2.0, 4.0, 3.0]) == Summary(3.0, 2.0, 4.0, 5)


def test_summarise__one_sample_is_its_own_quartile():
    assert summarise([7.0]) == Summary(7.0, 7.0, 7.0, 1)


def test_summarise__nothing_measured_is_an_error():
    with pytest.raises(ValueError, match="nothing to summarise"):
        summarise([])


def test_summarise__one_disturbed_round_does_not_move_the_median():
    assert summarise([10.0, 10.0, 10.0, 10.0, 900.0]).median == 10.0


def test_added__is_the_difference_of_the_medians():
    assert added([110.0, 120.0, 500.0], [100.0, 90.0, 101.0]) == 20.0


def test_rotate__each_turn_begins_with_another_one():
    assert [rotate("abc", turn)[0] for turn in range(4)] == ["a", "b", "c", "a"]


def test_rotate__leaves_none_out():
    assert sorted(rotate("abcd", 7)) == list("abcd")
