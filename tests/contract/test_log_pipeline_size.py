"""How much the lines may take on the disk: the oldest are deleted, and never what is being written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.one_python

STREAM, REFUSED = "logs-django.ops-default", "logs-django.ops-refused"


@pytest.fixture
def size(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of the set-up, which is run as a script from its own folder."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "elasticsearch/setup"))
    import size as module

    yield module
    for name in ("size", "client"):
        sys.modules.pop(name, None)


class Node:
    """An Elasticsearch with indices of some sizes in bytes, by their streams, the oldest first."""

    def __init__(self, **streams: list[int]) -> None:
        self.sizes = {
            f".ds-logs-django.ops-{name}-2026.11.{day:02}-{day:06}": size
            for name, sizes in streams.items()
            for day, size in enumerate(sizes, 1)
        }

    def must(self, method: str, path: str) -> Any:
        if method == "DELETE":
            del self.sizes[path.removeprefix("/")]
        elif path.endswith("/_rollover"):
            stream = path.split("/")[1]
            number = max(int(name[-6:]) for name in self.sizes if stream in name) + 1
            self.sizes[f".ds-{stream}-2026.12.01-{number:06}"] = 0
        else:
            assert path == "/logs-django.ops-*/_stats/store,translog"
            parts = {
                name: {"store": {"size_in_bytes": size - size // 4}, "translog": {"size_in_bytes": size // 4}}
                for name, size in self.sizes.items()
            }
            return {"indices": {"other": {}} | {name: {"total": part} for name, part in parts.items()}}
        return {}


def kept(size: ModuleType, node: Node, most: int) -> list[str]:
    """Keep to `most` bytes, and return the indices that are left, as `stream-generation`."""
    size.keep(node, most, lambda _: None)
    return sorted(f"{name.split('-')[-3]}-{int(name[-6:])}" for name in node.sizes)


def test_size__deletes_the_oldest_until_the_rest_fits(size: ModuleType) -> None:
    assert kept(size, Node(default=[40, 40, 40, 5]), 100) == ["default-2", "default-3", "default-4"]


def test_size__leaves_alone_what_fits(size: ModuleType) -> None:
    assert kept(size, Node(default=[40, 40, 10]), 100) == ["default-1", "default-2", "default-3"]


def test_size__begins_a_new_index_where_one_is_large(size: ModuleType) -> None:
    """Else all lines would be in the one that is written, which cannot be deleted."""
    assert kept(size, Node(default=[11]), 100) == ["default-1", "default-2"]
    assert kept(size, Node(default=[500]), 100) == ["default-2"]


def test_size__counts_what_elasticsearch_has_refused(size: ModuleType) -> None:
    """A flood of lines that are none fills the disk as well."""
    assert kept(size, Node(default=[1, 5], refused=[3, 200]), 100) == ["default-2", "refused-3"]
    assert kept(size, Node(default=[1, 5]), 100) == ["default-1", "default-2"]


def test_size__never_deletes_what_is_written(size: ModuleType) -> None:
    assert kept(size, Node(default=[10], refused=[10]), 10) == ["default-2", "refused-1", "refused-2"]


@pytest.mark.parametrize(("text", "most"), [("5gb", 5 * 1024**3), ("700mb", 700 * 1024**2)])
def test_size__is_read(size: ModuleType, text: str, most: int) -> None:
    assert size.most_bytes(text) == most


@pytest.mark.parametrize("text", ["", "5", "gb", "0gb", "-1gb", "5 GB", "5tb", "1.5gb"])
def test_size__that_is_none_is_refused(size: ModuleType, text: str) -> None:
    with pytest.raises(sys.modules["client"].SetupError, match="LOG_SIZE"):
        size.most_bytes(text)
