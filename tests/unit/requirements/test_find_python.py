"""Which Python `make` takes, and what it says when there is none that will do."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "requirements" / "find-python"


@pytest.fixture
def machine(tmp_path):
    """A machine with nothing but bash and the Pythons that a test installs."""
    for name in ("bash", "env"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")

    def install(name: str, version: str, *, has_venv: bool = True) -> str:
        python = tmp_path / name
        asked_for_venv = "exit 0" if has_venv else "exit 1"
        program(python, f"case $2 in *ensurepip*) {asked_for_venv} ;; *) echo {version} ;; esac")
        return str(python)

    install.path = str(tmp_path)
    return install


def program(path: Path, does: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{does}\n")
    path.chmod(0o755)


def find(machine, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": machine.path, "LANG": os.environ.get("LANG", "C"), **variables}
    return subprocess.run([SCRIPT], env=environ, capture_output=True, text=True)


def test_newest__is_taken(machine):
    machine("python3.11", "3.11")
    newest = machine("python3.13", "3.13")
    assert find(machine).stdout.strip() == newest


def test_python3__is_taken_where_it_is_the_only_one(machine):
    only = machine("python3", "3.12")
    assert find(machine).stdout.strip() == only


def test_without_venv__an_older_one_that_has_it_is_taken(machine):
    machine("python3.13", "3.13", has_venv=False)
    older = machine("python3.11", "3.11")
    assert find(machine).stdout.strip() == older


def test_without_venv__says_what_to_install(machine):
    machine("python3", "3.13", has_venv=False)
    ended = find(machine)
    assert ended.returncode == 1
    assert "apt-get install python3.13-venv" in ended.stderr


@pytest.mark.parametrize("version", ["3.10", "3.15", "2.7"])
def test_other_versions__are_not_taken(machine, version):
    machine("python3", version)
    ended = find(machine)
    assert ended.returncode == 1
    assert "No Python 3.11, 3.12, 3.13 or 3.14 was found" in ended.stderr


def test_none_at_all__says_what_to_install(machine):
    assert "apt-get install python3 python3-venv" in find(machine).stderr


def test_by_hand__is_taken_before_a_newer_one(machine):
    machine("python3.14", "3.14")
    chosen = machine("my-python", "3.12")
    assert find(machine, PYTHON=chosen).stdout.strip() == chosen


def test_by_hand__one_that_is_not_there_is_named(machine):
    machine("python3.14", "3.14")
    ended = find(machine, PYTHON="/no/such/python")
    assert ended.returncode == 1
    assert "was found at /no/such/python" in ended.stderr


def test_shim__that_starts_nothing_is_passed_over(machine, tmp_path):
    program(tmp_path / "python3.14", "exit 127")
    real = machine("python3.12", "3.12")
    assert find(machine).stdout.strip() == real


def test_shim__that_starts_nothing_hides_no_real_one_of_its_name(machine, tmp_path):
    program(tmp_path / "shims" / "python3.12", "exit 127")
    real = machine("python3.12", "3.12")
    assert find(machine, PATH=f"{tmp_path / 'shims'}:{machine.path}").stdout.strip() == real


def test_first_in_path__of_another_version_hides_no_later_one(machine, tmp_path):
    program(tmp_path / "old" / "python3", "echo 2.7")
    later = machine("python3", "3.11")
    assert find(machine, PATH=f"{tmp_path / 'old'}:{machine.path}").stdout.strip() == later


def test_surroundings__of_another_python_are_left_out(machine, tmp_path):
    python = machine("python3.12", "3.12")
    (tmp_path / "python3.12").write_text(
        (tmp_path / "python3.12").read_text().replace("\ncase", "\n[ -z ${PYTHONHOME-}${PYTHONPATH-} ] || exit 1\ncase")
    )
    assert find(machine, PYTHONHOME="/opt/conda", PYTHONPATH="/opt/ros").stdout.strip() == python
