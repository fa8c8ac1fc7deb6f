"""Makes .venv where there is none and installs one pinned set into it: `install.py run`.

Needs nothing but Python's standard library. Whatever was interrupted is taken up again by the next call: the
stamp file that make looks at is written last.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def main(names: list[str]) -> int:
    """Install the sets called `names`; return the exit status."""
    if not is_usable():
        print("Making .venv with Python", sys.version.split()[0], flush=True)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
    for name in names:
        print(f"Installing requirements/{name}.txt", flush=True)
        # wheels only: nothing is compiled, nothing of a package runs while it is installed
        wanted = ["--require-hashes", "--only-binary", ":all:", "-r", str(HERE / f"{name}.txt")]
        if not pip(*wanted):
            print(f"The installation of requirements/{name}.txt failed; the next `make` goes on with it.")
            return 1
    # hatchling came with the pinned set, so that this fetches nothing
    if not pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT)):
        return 1
    for name in names:
        (ENVIRONMENT / f".{name}").touch()
    return 0


def is_usable() -> bool:
    """Tell whether .venv has an interpreter and a pip that start: neither is sure after an interruption."""
    check = "import pip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))"
    try:
        return subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def pip(*arguments: str) -> bool:
    """Run `pip install`, and tell whether it succeeded."""
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    return subprocess.run([*command, *arguments], check=False).returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
