"""Makes .venv where there is none and installs one pinned set into it: `install.py run`.

Needs nothing but Python's standard library. Whatever was interrupted is taken up again by the next call: what was
installed by half is installed anew, and the stamp file that make looks at is written last.
"""

from __future__ import annotations

import csv
import fcntl
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
LOCK = ROOT / ".cache" / "install.lock"

#: The settings of pip that say where packages come from. All others (`user`, `target`, `no-binary`, ...) are left out:
#: they would change what is installed, or where.
SOURCES = {
    "CACHE_DIR", "CERT", "CLIENT_CERT", "CONFIG_FILE", "DEFAULT_TIMEOUT", "EXTRA_INDEX_URL", "FIND_LINKS", "INDEX_URL",
    "KEYRING_PROVIDER", "NO_CACHE_DIR", "NO_INDEX", "PROXY", "RETRIES", "TIMEOUT", "TRUSTED_HOST",
}  # fmt: skip


class InstallError(Exception):
    """A set could not be installed; the text says why and what to do."""


def main(names: list[str]) -> int:
    """Install the sets called `names`; return the exit status."""
    try:
        with locked() as (lock, waited):
            make_usable()
            for name in names:
                # the make that we waited for may have installed it
                if not (waited and is_current(name)):
                    install(name, lock)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@contextmanager
def locked() -> Iterator[tuple[int, bool]]:
    """Keep every other make of this folder out of .venv; give the lock's descriptor, and whether it was waited for."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as file:
        waited = False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another make that installs into .venv", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
            waited = True
        yield file.fileno(), waited


def is_current(name: str) -> bool:
    """Tell whether the set's stamp is younger than all that make compares it with."""
    stamp = ENVIRONMENT / f".{name}"
    sources = [HERE / f"{name}.txt", ROOT / "pyproject.toml", Path(__file__)]
    return stamp.exists() and all(stamp.stat().st_mtime >= source.stat().st_mtime for source in sources)


def make_usable() -> None:
    """Make .venv where there is none that works, and take out of it what was installed by half."""
    if not is_usable():
        print("Making .venv with Python", sys.version.split()[0], flush=True)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
    for packages in site_packages(ENVIRONMENT):
        for metadata in packages.glob("*.dist-info"):
            if not is_whole(metadata):
                shutil.rmtree(metadata)
        # what pip had put aside while it replaced it
        for aside in packages.glob("~*"):
            shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


def is_usable() -> bool:
    """Tell whether .venv has an interpreter that starts and a whole pip: neither is sure after an interruption."""
    check = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))"
    try:
        starts = (
            subprocess.run([PYTHON, "-c", check], capture_output=True, check=False, env=surroundings()).returncode == 0
        )
    except OSError:
        return False
    pips = [metadata for packages in site_packages(ENVIRONMENT) for metadata in packages.glob("pip-*.dist-info")]
    return starts and any(map(is_whole, pips))


def site_packages(environment: Path) -> list[Path]:
    """Return where the packages of a virtual environment are."""
    return list(environment.glob("lib/python3.*/site-packages"))


def is_whole(metadata: Path) -> bool:
    """Tell whether a package has every file that it names, in its size.

    pip writes RECORD last, but takes a package to be installed as soon as METADATA is there: a pip that was killed
    between the two leaves a package by half, which no later pip would mend.
    """
    try:
        with (metadata / "RECORD").open(newline="", encoding="utf-8") as record:
            rows = [row for row in csv.reader(record) if row]
        # what has no size was made on this machine, such as bytecode
        return all((metadata.parent / path).stat().st_size == int(size) for path, _, size in rows if size)
    except (OSError, ValueError):
        return False


def install(name: str, lock: int) -> None:
    """Install a set and this project into .venv, and write the stamp. Raises InstallError."""
    print(f"Installing requirements/{name}.txt", flush=True)
    requirements = HERE / f"{name}.txt"
    # wheels only: nothing is compiled, nothing of a package runs while it is installed
    pip(PYTHON, "--only-binary", ":all:", *hashed(requirements), lock=lock)
    # hatchling came with the set, so that this fetches nothing; a set without it is installed beside one that has it
    if "\nhatchling==" in requirements.read_text(encoding="utf-8"):
        pip(PYTHON, "--no-deps", "--no-build-isolation", "--editable", str(ROOT), lock=lock)
    (ENVIRONMENT / f".{name}").touch()


def hashed(requirements: Path) -> list[str]:
    """Return the arguments of pip for a file in which everything is pinned by hash."""
    # no dependencies: the set is complete, and pip before 23.3 does not apply the pin of `coverage` to
    # `coverage[toml]`: it asks for the newest one, which has no hash (https://github.com/pypa/pip/issues/9644)
    return ["--no-deps", "--require-hashes", "-r", str(requirements)]


def pip(python: Path, *arguments: str, lock: int | None = None) -> None:
    """Run `pip install`. Raises InstallError.

    It holds the lock for as long as it runs, even where whoever started it is killed.
    """
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", *arguments]
    kept_open = () if lock is None else (lock,)
    ended = subprocess.run(
        command,
        env=surroundings(),
        pass_fds=kept_open,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode != 0:
        raise InstallError(explain(ended.stderr))


def surroundings() -> dict[str, str]:
    """Return the environment without what would lead Python or pip astray."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
    kept = {name: value for name, value in kept.items() if not name.startswith("PIP_") or name[4:] in SOURCES}
    # PIP_USER: a pip.conf may say otherwise; PIP_RETRIES: an index that cannot be reached is told in seconds
    return {"PIP_RETRIES": "1", **kept, "PIP_USER": "0"}


def explain(told: str) -> str:
    """Return what went wrong in the words of a user, from what pip told."""
    missing = re.search(r"No matching distribution found for (\S+)", told)
    broken = re.search(r"\[Errno -?\d+\] ([^'\"()]+)|(timed out)|(certificate [^'\"()]+)", told)
    if not missing and not re.search(r"HTTPS?ConnectionPool|ReadTimeoutError|IncompleteRead|HTTP error", told):
        return f"{told.strip()}\nThe installation failed; the next `make` goes on with it."
    what = missing[1] if missing else "all packages"
    why = f" ({next(filter(None, broken.groups())).strip()})" if broken else ""
    forbidden = " PIP_NO_INDEX is set: unset it, or set PIP_FIND_LINKS too." if os.environ.get("PIP_NO_INDEX") else ""
    return (
        f"Could not fetch {what}: no package index has given it{why}.{forbidden}\n"
        "An index is needed once. If the usual one cannot be reached from here, set PIP_INDEX_URL to a mirror, "
        "PIP_FIND_LINKS to a folder with the wheels, or HTTPS_PROXY to a proxy. Then the next `make` goes on."
    )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
