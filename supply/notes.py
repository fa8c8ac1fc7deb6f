"""The notes of a release: what changed, and the hashes by which anybody can tell its files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_NOTES = """\
{changes}

## SHA-256

The wheel has the same bytes wherever it is built from this tag; how to verify it, the lists of parts and the images:
`docs/how-to/verify.md`.

```
{sums}```
"""


class NotesError(Exception):
    """The release cannot be described; the text says what is missing."""


def sums(dist: Path) -> str:
    """Return the wheel's and the lists' hashes, as `sha256sum` writes them. Raises NotesError where one is missing."""
    wheels, lists = sorted(dist.glob("*.whl")), sorted(dist.glob("*.cdx.json"))
    if len(wheels) != 1 or not lists:
        raise NotesError(f"dist/ has {len(wheels)} wheels and {len(lists)} lists of parts: run `make clean sbom`")
    files = [*wheels, *lists]
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def notes(tag: str, changelog: str, sums: str) -> str:
    """Return the notes of the release with this tag. Raises NotesError where the files or the changelog lack it."""
    version = tag.removeprefix("v")
    heading = re.search(rf"^## {re.escape(version)} \((?!unreleased)[^)]+\)$", changelog, re.MULTILINE)
    if heading is None:
        raise NotesError(f"CHANGELOG.md has no line such as `## {version} (2026-12-01)`: date the release first")
    if f"-{version}-" not in sums:
        raise NotesError(f"the wheel is not of {version}: set the version in pyproject.toml, then tag")
    changes = changelog[heading.end() :].partition("\n## ")[0].strip()
    return _NOTES.format(changes=changes, sums=sums)
