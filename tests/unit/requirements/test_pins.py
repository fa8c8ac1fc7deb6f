"""What is pinned: everything, by hash, and in the same version wherever it is named."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).resolve().parents[3] / "requirements"
FILES = sorted(REQUIREMENTS.glob("*.txt"))
_PIN = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_pin__has_a_hash(file):
    wanted = [line for line in file.read_text().splitlines() if line and not line.startswith((" ", "#"))]
    pinned = _PIN.findall(file.read_text())
    assert len(pinned) == len(wanted) > 0
    blocks = re.split(r"^(?=[a-z0-9])", file.read_text(), flags=re.MULTILINE)[1:]
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_pin__names_no_host(file):
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", file.read_text())


def test_pin__one_version_in_all_files():
    versions = defaultdict(set)
    for file in FILES:
        for name, version, marker in _PIN.findall(file.read_text()):
            versions[name, marker].add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
