"""Reads requirements/*.txt, as `make requirements` writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "requirements"
#: Whatever is pinned by hash.
FILES = [*sorted(REQUIREMENTS.glob("*.txt")), ROOT / "benchmarks" / "requirements.txt"]

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, order=True)
class Pin:
    """One version of a package. Several of one name stand for several Pythons: `marker` tells them apart."""

    name: str
    version: str
    marker: str
    #: SHA-256 of each file that the index has of it: wheels and the source.
    hashes: tuple[str, ...]


def read_pins(path: Path) -> list[Pin]:
    """Return the pins of a file, for every Python. Raises ValueError where a package has no version or no hash."""
    pins = []
    for entry in re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8")).splitlines():
        if not entry.strip() or entry.lstrip().startswith("#"):
            continue
        found, hashes = _PIN.match(entry), tuple(_HASH.findall(entry))
        if found is None or not hashes:
            raise ValueError(f"{path.name}: no version or no hash in {entry[:60]!r}")
        pins.append(
            Pin(found["name"], found["version"], (found["marker"] or "").partition("--hash")[0].strip(), hashes)
        )
    return pins
