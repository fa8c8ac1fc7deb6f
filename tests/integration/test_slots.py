"""Slots with real forks: who gets which, what is left of the dead, and what a scraper sees meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from django_ops.record.slot import DIRECTORY_VARIABLE
from tests.integration import plays


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "slots"


def play(scenario: str, directory: Path | None, module: str = "slot_troubles") -> Any:
    """Run a scenario in a process of its own, in which a warning is an error."""
    environment = {name: value for name, value in os.environ.items() if name != DIRECTORY_VARIABLE}
    if directory is not None:
        environment |= {
            DIRECTORY_VARIABLE: str(directory),
            "OPS_TEST_GO": f"{directory}.go",
            "OPS_TEST_DONE": f"{directory}.done",
        }
    return plays.play(module, scenario, options=("-W", "error"), environment=environment)


@pytest.fixture(scope="module", params=["recycle", "recycle_preloaded"])
def recycled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What 40 recycled workers left, of an application that each worker loads, and of a preloaded one."""
    return {
        "scenario": request.param,
        **play(request.param, tmp_path_factory.mktemp("recycled") / "slots", "slot_scenarios"),
    }


def test_recycling__leaves_the_files_as_they_were(recycled: Any) -> None:
    """In prometheus_client each worker leaves its own (client_python#204, #367, #443)."""
    assert recycled["late"][0] == recycled["early"][0]


def test_recycling__leaves_the_series_as_they_were(recycled: Any) -> None:
    assert recycled["late"][1] == recycled["early"][1]


def test_recycling__keeps_every_request(recycled: Any) -> None:
    assert recycled["requests"] == 40 + (recycled["scenario"] == "recycle_preloaded")


def test_recycling__keeps_what_others_count(recycled: Any) -> None:
    preloaded = recycled["scenario"] == "recycle_preloaded"
    assert (recycled["orders"], recycled["observations"]) == (40 + preloaded, 40 + preloaded)


def test_recycling__is_never_behind(recycled: Any) -> None:
    assert recycled["behind"] == []


def test_recycling__of_prometheus_client_leaves_the_files_of_each_worker(directory: Path) -> None:
    """The peer's way, so that it is known what the tests above are about: 4 more files with each worker."""
    found = play("recycle_theirs", directory, "slot_scenarios")
    assert (found[0], found[-1]) == (4, 80)


def test_metrics__that_are_made_with_the_models_belong_to_slots(directory: Path) -> None:
    """Also those of an app that stands before ours in INSTALLED_APPS."""
    assert play("made_in_models", directory, "slot_scenarios") == ["counter_0.db"]


def test_slots__are_handed_out_and_taken_back(directory: Path) -> None:
    assert play("labels", directory, "slot_scenarios") == ["main", "0", "1", "0"]


def test_killed_worker__takes_its_gauges_with_it(directory: Path) -> None:
    """Before: 2. Killed, buried: 1. Its successor in the same slot: 2. After both have ended: 0."""
    assert play("killed", directory) == [[2.0, 2.0], [1.0, 1.0], [1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]


def test_killed_worker__of_a_server_without_our_hooks_takes_its_gauges_with_it(directory: Path) -> None:
    assert play("killed_without_hooks", directory) == ["0", 0.0, 0.0]


@pytest.fixture(scope="module")
def two_masters(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return play("two_masters", tmp_path_factory.mktemp("two-masters") / "slots")


def test_two_masters__share_no_slot(two_masters: Any) -> None:
    assert sorted(two_masters["labels"]) == ["0", "1", "2", "3", "4", "main", "main2"]


def test_two_masters__are_counted_together(two_masters: Any) -> None:
    assert two_masters["requests"] == 4.0


def test_restart__begins_with_an_empty_directory(directory: Path) -> None:
    found = play("restart", directory)
    assert {"metrics-0.cells", "counter_0.db", "histogram_0.db"} <= set(found["left"])
    assert (found["wiped"], found["requests"]) == (["slot-0.lock 0", "slot-main.lock 0"], 0.0)


def test_orphan__that_gets_its_parent_s_number_goes_on_from_there(directory: Path) -> None:
    """It inherited the open files and what its parent had read of them: 2 of 4 that are there now."""
    found = play("grandchild", directory)
    assert (found["successor"], found["grandchild"], found["orders"]) == ("0", "0", 4.0)


def test_counters__never_fall(directory: Path) -> None:
    found = play("never_down", directory, "slot_scenarios")
    assert found["fell"] == []
    assert (found["scrapes"] > 10, found["requests"], found["orders"]) == (True, 8001.0, 8001.0)


def test_request__that_two_processes_end_is_not_below_0(directory: Path) -> None:
    assert play("begun_before_the_fork", directory) == 0.0


def test_memory__of_a_child_begins_at_nothing() -> None:
    assert play("memory", None, "slot_scenarios") == {"child": 0.0, "parent": 1.0}


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return play("full_disk", tmp_path_factory.mktemp("full-disk") / "slots")


def test_full_disk__does_not_end_the_worker(full_disk: Any) -> None:
    """prometheus_client's worker ends by SIGBUS."""
    assert full_disk["went_on"]


def test_full_disk__loses_no_request_of_a_series_that_it_knew(full_disk: Any) -> None:
    assert full_disk["requests"] == 2001.0


def test_full_disk__counts_what_it_loses(full_disk: Any) -> None:
    assert 0 < full_disk["views"] < 2001
    assert full_disk["lost"] > 2001 - full_disk["views"]


def test_directory_that_is_a_file__does_not_end_the_worker(directory: Path) -> None:
    directory.write_text("")
    found = play("unusable", directory)
    assert (found["label"], found["answer"], found["status"]) == (None, [True, 1.0], True)
