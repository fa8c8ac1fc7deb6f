"""The install lines of our pages are what pip takes: nobody else's package is asked for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.integration.scratch import ROOT, blocks

LINES = [
    line[2:].partition("#")[0].rstrip()
    for page in ("README.md", "docs/how-to/install.md", "docs/how-to/celery.md", "docs/how-to/internal-uis.md")
    for block in blocks(page, "console")
    for line in block.splitlines()
    if line.startswith("$ pip install")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the lines name: a clone and a wheel."""
    folder = tmp_path_factory.mktemp("install")
    (folder / "django-ops").symlink_to(ROOT)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("line", sorted(set(LINES)))
def test_install_line__takes_this_package(folder, line):
    """pip says what it would install, asks no index, and builds nothing that it would fetch the tools for."""
    command = line.replace("pip install", f"{sys.executable} -m pip install")
    options = "--dry-run --no-deps --no-index --no-build-isolation --ignore-installed --quiet --report -"
    ended = subprocess.run(f"{command} {options}", shell=True, cwd=folder, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    (found,) = json.loads(ended.stdout)["install"]
    assert found["metadata"]["name"] == "django-ops"
    assert found["download_info"]["url"].startswith("file://")


def test_install_lines__are_of_every_page():
    assert len(set(LINES)) == 5
