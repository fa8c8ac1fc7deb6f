"""`.ci/run` ends with 0 if all of its parts passed, and only then; the parts are stubs here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Says which part it is, and fails if it is the one of FAILING.
STUB = """#!/bin/sh
echo "stub of ${0##*/} $*"
case "${0##*/} $*" in "$FAILING"*) exit 1 ;; esac
"""


@pytest.fixture
def clone(tmp_path):
    """A clone of a project that has `.ci/run`, and nothing else that is real."""
    directory = tmp_path / "clone"
    programs = ["make", "apt-get", ".ci/debian", ".ci/newcomer", "requirements/find-python"]
    for name in programs:
        path = (directory if "/" in name else tmp_path / "bin") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB)
        path.chmod(0o755)
    shutil.copy(ROOT / ".ci" / "run", directory / ".ci" / "run")
    (directory / ".gitignore").write_text("/var/\n")
    who = ("-c", "user.name=ci", "-c", "user.email=ci@example.com")
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=directory, check=True)
    return directory


def run(clone: Path, failing: str) -> subprocess.CompletedProcess[str]:
    home = clone.parent
    environ = {"PATH": f"{home / 'bin'}:{os.environ['PATH']}", "HOME": str(home), "FAILING": failing}
    return subprocess.run([clone / ".ci" / "run"], env=environ, capture_output=True, text=True, timeout=60)


def last_green(clone: Path) -> Path:
    return clone.parent / ".cache" / "django-ops" / "last-green"


def test_all_parts_pass__is_green(clone):
    ended = run(clone, failing="none of them")
    assert ended.returncode == 0, ended.stderr
    tree = subprocess.run(["git", "rev-parse", "HEAD^{tree}"], cwd=clone, capture_output=True, check=True, text=True)
    assert last_green(clone).read_text() == tree.stdout


@pytest.mark.parametrize(
    "part", ["make images", "make e2e", "make lint", "make audit", "make test", "debian", "newcomer"]
)
def test_one_part_fails__is_red_and_shows_why(clone, part):
    ended = run(clone, failing=part)
    assert ended.returncode == 1
    assert f"stub of {part}" in ended.stdout
    assert "FAILED" in ended.stdout
    assert not last_green(clone).exists()
