"""The oldest pip that the Python of these tests ever brought, which is the oldest one that must install our sets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from tests.programs import MissingError

#: The pip that came with 3.11.0, 3.12.0, 3.13.0 and 3.14.0, and the hash of its wheel.
OLDEST = {
    (3, 11): ("22.3", "1daab4b8d3b97d1d763caeb01a4640a2250a0ea899e257b1e44b9eded91e15ab"),
    (3, 12): ("23.2.1", "7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be"),
    (3, 13): ("24.2", "2cd581cf58ab7fcfca4ce8efa6dcacd0de5bf8d0a3eb9ec927e07405f4d9e2a2"),
    (3, 14): ("25.2", "6d67a2b4e7f14d8b31b8b52648866fa717f45a1eb70e83002f4331d07e953717"),
}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-ops" / "pips"


class MissingPipError(MissingError):
    """The old pip is neither kept on this machine nor given by a package index; the text names it."""


def unpack(folder: Path) -> str:
    """Unpack the oldest pip into `folder`, fetching it once per machine; return its version. Raises MissingPipError."""
    version, digest = OLDEST[sys.version_info[:2]]
    wheel = CACHE / f"pip-{version}-py3-none-any.whl"
    if not wheel.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        # beside its place, as a rename works within one file system only
        with TemporaryDirectory(dir=CACHE) as fetched:
            fetch(f"pip=={version} --hash=sha256:{digest}\n", Path(fetched))
            Path(fetched, wheel.name).replace(wheel)
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return version


def fetch(requirement: str, folder: Path) -> None:
    """Fetch the wheel that `requirement` pins into `folder`. Raises MissingPipError."""
    wanted = folder / "pip.txt"
    wanted.write_text(requirement)
    fetched = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
         "--retries", os.environ.get("PIP_RETRIES", "0"), "--timeout", "10", "--only-binary", ":all:",
         "--disable-pip-version-check", "--dest", folder, "-r", wanted],
        capture_output=True, text=True,
    )  # fmt: skip
    if fetched.returncode != 0:
        name = requirement.split(" ")[0].replace("==", " ")
        raise MissingPipError(f"{name} is not kept on this machine, and no package index gives it")
