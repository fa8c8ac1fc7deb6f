"""A waiver covers one exception and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.contract.containers import waivers
from tests.contract.containers.finding import Finding

REASON = "It changes the owner of the volumes, once, before others start."
ENTRY = {"service": "secrets", "rule": "H2", "what": "cap_add CHOWN", "reason": REASON}


def written(path: Path, *entries: dict[str, object]) -> Path:
    file = path / "waivers.yml"
    file.write_text(yaml.safe_dump(list(entries)), encoding="utf-8")
    return file


def test_waiver__covers_its_exception(tmp_path: Path) -> None:
    loaded = waivers.load(written(tmp_path, ENTRY))
    assert waivers.unlisted([Finding("secrets", "H2", "cap_add CHOWN")], loaded) == []


@pytest.mark.parametrize(
    "finding",
    [
        Finding("web", "H2", "cap_add CHOWN"),
        Finding("secrets", "H1", "cap_add CHOWN"),
        Finding("secrets", "H2", "cap_add SYS_ADMIN"),
    ],
)
def test_waiver__covers_nothing_else(tmp_path: Path, finding: Finding) -> None:
    assert waivers.unlisted([finding], waivers.load(written(tmp_path, ENTRY))) == [finding]


def test_waiver__of_nothing_is_unused(tmp_path: Path) -> None:
    loaded = waivers.load(written(tmp_path, ENTRY))
    assert waivers.unused([Finding("web", "H2", "cap_add CHOWN")], loaded, "file") == loaded


def test_waiver__of_another_place_is_not_missed_here(tmp_path: Path) -> None:
    loaded = waivers.load(written(tmp_path, {**ENTRY, "at": "running"}))
    assert waivers.unused([], loaded, "file") == []


def test_waiver__of_every_service_covers_each(tmp_path: Path) -> None:
    loaded = waivers.load(written(tmp_path, {**ENTRY, "service": "*"}))
    assert waivers.unlisted([Finding("web", "H2", "cap_add CHOWN")], loaded) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reason": "needed"}, "says no reason"),
        ({"at": "home"}, "`at` must be one of"),
        ({"until": "2030"}, "unknown key until"),
    ],
)
def test_load__refuses(tmp_path: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        waivers.load(written(tmp_path, {**ENTRY, **change}))


def test_load__refuses_the_same_twice(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is waived twice"):
        waivers.load(written(tmp_path, ENTRY, ENTRY))
