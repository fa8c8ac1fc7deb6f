"""The interpreter that the benchmarks run in: the peers at pinned versions, and django-ops as this tree builds it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from requirements.install import explain, hashed, surroundings

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"
HOME = ROOT / ".cache" / "bench-venv"

#: What the wheel is built from.
PACKAGE_SOURCES = ("django_ops", "pyproject.toml", "README.md", "LICENSE")


class EnvironmentBuildError(Exception):
    """The environment could not be built; the text is what the installer said."""


def digest(*paths: Path, also: str = "") -> str:
    """Return a digest of the names and contents of `paths`, folders with all that is in them."""
    total = hashlib.sha256(also.encode())
    for path in paths:
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(f"{file.relative_to(path.parent)}\0".encode())
                total.update(file.read_bytes())
    return total.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Tell whether `stamp` says that what it stands for was made from `wanted`."""
    try:
        return stamp.read_text(encoding="utf-8") == wanted
    except OSError:
        return False


def prepare(say) -> Path:
    """Make the environment, or what of it is out of date, and return its interpreter. Takes seconds to a minute.

    Raises EnvironmentBuildError.
    """
    python = HOME / "bin" / "python"
    peers, package = HOME / "peers.stamp", HOME / "package.stamp"
    wanted = digest(REQUIREMENTS, also=sys.version)
    if not python.exists() or not is_current(peers, wanted):
        say(f"making {HOME.relative_to(ROOT)} with the peers")
        venv.create(HOME, clear=True, with_pip=True)
        _pip(python, "install", *hashed(REQUIREMENTS))
        _pip(python, "check")
        _add_to_path(python)
        peers.write_text(wanted, encoding="utf-8")
    wanted = digest(*(ROOT / name for name in PACKAGE_SOURCES if (ROOT / name).exists()))
    if not is_current(package, wanted):
        say("installing django-ops from this tree")
        _pip(python, "install", "--no-deps", "--no-build-isolation", "--force-reinstall", str(ROOT))
        package.write_text(wanted, encoding="utf-8")
    return python


def _add_to_path(python: Path) -> None:
    """Let the children import `benchmarks` from the tree, but `django_ops` as it was installed.

    A line in a .pth file comes after site-packages, where the installed package lies.
    """
    folder = HOME / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (folder / "benchmarks.pth").write_text(f"{ROOT}\n", encoding="utf-8")


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=surroundings())
    if result.returncode != 0:
        # `pip check` writes what is missing to its output
        raise EnvironmentBuildError(f"pip {' '.join(arguments)} failed:\n{explain(result.stderr or result.stdout)}")
