"""The wheel: what is in it, and that the same tree gives the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def build(directory: Path, timezone: str = "UTC") -> Path:
    """Build the wheel with what is installed, and return its path."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    environ = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600", "TZ": timezone}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (wheel,) = directory.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_wheel__holds_only_the_package(names):
    assert {name.partition("/")[0] for name in names} == {"django_ops", "django_ops-0.1.0.dist-info"}


@pytest.mark.parametrize(
    "name",
    [
        "django_ops/py.typed",
        "django_ops/passwords/migrations/0001_initial.py",
        "django_ops/management/commands/ops_drain.py",
        *(f"django_ops/passwords/locale/{language}/LC_MESSAGES/django.mo" for language in ("en", "es", "ru")),
    ],
)
def test_wheel__has(names, name):
    assert name in names


def test_wheel__has_every_file_of_the_package(names):
    there = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "django_ops").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there - set(names) == set()


def test_wheel__has_no_bytecode(names):
    assert [name for name in names if name.endswith(".pyc")] == []


def test_wheel__has_the_licence(names):
    assert "django_ops-0.1.0.dist-info/licenses/LICENSE" in names


def test_wheel__needs_four_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read("django_ops-0.1.0.dist-info/METADATA").decode())
    always = [needed for needed in metadata.get_all("Requires-Dist") if "extra ==" not in needed]
    assert sorted(needed.partition(">")[0].partition("<")[0] for needed in always) == [
        "django", "orjson", "prometheus-client", "python-json-logger",
    ]  # fmt: skip


def test_wheel__two_builds_are_the_same_bytes(wheel, tmp_path):
    assert build(tmp_path, timezone="Asia/Tokyo").read_bytes() == wheel.read_bytes()
