"""How long lines are kept: by Elasticsearch where it can, else by the set-up, which may delete only what is too old."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.one_python

HERE = Path(__file__).parents[2] / "elasticsearch"
STREAM = "logs-django.ops-default"
DAY = 86_400


@pytest.fixture
def templates(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of the set-up, which is run as a script from its own folder."""
    monkeypatch.syspath_prepend(str(HERE / "setup"))
    import templates as module

    yield module
    for name in ("templates", "client"):
        sys.modules.pop(name, None)


class Node:
    """An Elasticsearch that has indices of some ages in days, and perhaps a lifecycle."""

    url = "http://node"

    def __init__(self, templates: ModuleType, *ages_days: float, lifecycle: str | None = None) -> None:
        self._answer = sys.modules["client"].Answer
        self.indices = {f"index-{age:g}": time.time() - age * DAY for age in ages_days}
        self.lifecycle = lifecycle
        self.asked: list[str] = []

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Answer as far as the set-up asks."""
        self.asked.append(f"{method} {path}")
        if path.endswith("/_lifecycle"):
            if self.lifecycle is None:
                return self._answer(400, "no handler found")
            if method == "PUT":
                self.lifecycle = body["data_retention"]
            stream = {"name": STREAM, "lifecycle": {"data_retention": self.lifecycle}}
            return self._answer(200, {"data_streams": [stream]})
        if path.endswith("/_rollover"):
            self.indices["new"] = time.time()
        elif method == "DELETE":
            del self.indices[path.removeprefix("/")]
        elif path == f"/_data_stream/{STREAM}":
            return self._answer(200, {"data_streams": [{"indices": [{"index_name": name} for name in self.indices]}]})
        elif "/_settings/" in path:
            name = path.split("/")[1]
            told = {"index.creation_date": str(int(self.indices[name] * 1000))}
            return self._answer(200, {name: {"settings": told}})
        return self._answer(200, {})

    def must(self, method: str, path: str, body: Any = None) -> Any:
        """Answer, without the status."""
        return self.ask(method, path, body).body


def keep(templates: ModuleType, node: Node, retention: str) -> None:
    """Do what the set-up does for retention."""
    templates._keep(node, retention, templates._seconds(retention), lambda _: None)


def test_by_hand__deletes_an_index_whose_newest_line_is_too_old(templates: ModuleType) -> None:
    node = Node(templates, 70, 40, 20, 0.5)
    keep(templates, node, "30d")
    assert list(node.indices) == ["index-40", "index-20", "index-0.5"]  # the one of 40 days has lines of 20


def test_by_hand__begins_a_new_index_after_a_day(templates: ModuleType) -> None:
    node = Node(templates, 2)
    keep(templates, node, "30d")
    assert list(node.indices) == ["index-2", "new"]


def test_by_hand__never_deletes_the_index_that_is_written(templates: ModuleType) -> None:
    node = Node(templates, 0.9)
    keep(templates, node, "1m")
    assert list(node.indices) == ["index-0.9"]


def test_lifecycle__is_left_alone_where_it_is_right(templates: ModuleType) -> None:
    node = Node(templates, 70, 0.5, lifecycle="30d")
    keep(templates, node, "30d")
    assert [asked for asked in node.asked if not asked.startswith("GET")] == []


def test_lifecycle__is_changed_where_it_is_not(templates: ModuleType) -> None:
    node = Node(templates, 70, 0.5, lifecycle="30d")
    keep(templates, node, "90d")
    assert (node.lifecycle, len(node.indices)) == ("90d", 2)


@pytest.mark.parametrize("retention", ["", "30", "d", "0d", "-1d", "30 days", "1y"])
def test_retention__that_is_none_is_refused(templates: ModuleType, retention: str) -> None:
    with pytest.raises(sys.modules["client"].SetupError, match="LOG_RETENTION"):
        templates._seconds(retention)
