"""A folder of wheels made on the fly: every pinned package as it is pinned, and in a newer version."""

from __future__ import annotations

import hashlib
import re
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
#: Whatever is pinned by hash.
FILES = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "benchmarks" / "requirements.txt"]

_PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>.+?))? \\$", re.MULTILINE)


class Pin(NamedTuple):
    """A line of a requirements file."""

    name: str
    version: str
    marker: str

    @property
    def newer(self) -> str:
        """The next major version, which came out after the file was written."""
        return f"{int(self.version.partition('.')[0]) + 1}.0"


def pins(file: Path) -> list[Pin]:
    """Return what `file` pins."""
    return [Pin(found["name"], found["version"], found["marker"] or "") for found in _PIN.finditer(file.read_text())]


def needs(name: str) -> list[str]:
    """Return what the package asks for, as it is installed here; nothing where it is not."""
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        return []


def make_wheel(folder: Path, name: str, version: str) -> str:
    """Write a wheel with nothing but metadata, and return its hash."""
    stem = f"{name.replace('-', '_')}-{version}"
    wanted = needs(name)
    extras = sorted(set(re.findall(r"extra == [\"']([^\"']+)", "\n".join(wanted))))
    metadata = [
        "Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}",
        *(f"Provides-Extra: {extra}" for extra in extras), *(f"Requires-Dist: {need}" for need in wanted),
    ]  # fmt: skip
    wheel = folder / f"{stem}-py3-none-any.whl"
    files = {
        "METADATA": "\n".join(metadata) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": f"{stem}.dist-info/METADATA,,\n{stem}.dist-info/WHEEL,,\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, text in files.items():
            # a ZipInfo of its own has a date that never changes, so the same wheel has always the same hash
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{file}"), text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def make_index(folder: Path) -> dict[Pin, str]:
    """Fill `folder` with wheels for what all files pin, and return the hashes of what is pinned."""
    hashes = {}
    for pin in {pin for file in FILES for pin in pins(file)}:
        hashes[pin] = make_wheel(folder, pin.name, pin.version)
        make_wheel(folder, pin.name, pin.newer)
    return hashes


def with_made_hashes(wanted: set[Pin], hashes: dict[Pin, str]) -> str:
    """Return the text of a requirements file with the hashes of the made wheels."""
    return "".join(
        f"{pin.name}=={pin.version}{f' ; {pin.marker}' if pin.marker else ''} --hash=sha256:{hashes[pin]}\n"
        for pin in sorted(wanted)
    )
