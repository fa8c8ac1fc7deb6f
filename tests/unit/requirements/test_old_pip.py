"""All that is pinned is installed by the oldest pip and by today's, from an index that also has newer versions."""

import os
import venv
from importlib.metadata import distributions
from pathlib import Path

import pip
import pytest
from packaging.markers import Marker

from requirements import install
from tests.unit.requirements.made_index import FILES, make_index, needs, pins, with_made_hashes
from tests.unit.requirements.old_pip import unpack

#: The sets of .venv agree with each other (test_pins.py), and each line is installed by itself, so they are tried in
#: one go; the benchmarks have an environment of their own.
BENCHMARKS = set(pins(FILES[-1]))
SETS = {pin for file in FILES[:-1] for pin in pins(file)}
EACH = pytest.mark.parametrize("wanted", [SETS, BENCHMARKS], ids=["sets", "benchmarks"])


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A folder of wheels, and the hashes of those that are pinned."""
    folder = tmp_path_factory.mktemp("index")
    return folder, make_index(folder)


@pytest.fixture(scope="module")
def oldest(tmp_path_factory):
    """A folder with the oldest pip."""
    folder = tmp_path_factory.mktemp("oldest")
    unpack(folder)
    return folder


@pytest.fixture
def install_with(index, monkeypatch, tmp_path):
    """Install pins into a new environment that has a given pip, and return what is there then."""

    def run(pips: Path, wanted) -> dict[str, str]:
        folder, hashes = index
        requirements = tmp_path / "requirements.txt"
        requirements.write_text(with_made_hashes(wanted, hashes))
        venv.create(tmp_path / "venv")
        (packages,) = install.site_packages(tmp_path / "venv")
        (packages / "pip").symlink_to(pips / "pip")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        install.pip(tmp_path / "venv/bin/python", *install.hashed(requirements))
        return {each.metadata["Name"]: each.version for each in distributions(path=[str(packages)])}

    return run


def pinned_here(wanted) -> dict[str, str]:
    return {pin.name: pin.version for pin in wanted if not pin.marker or Marker(pin.marker).evaluate()}


@EACH
def test_pins__the_oldest_pip_installs_them(wanted, oldest, install_with):
    assert install_with(oldest, wanted) == pinned_here(wanted)


@EACH
def test_pins__the_pip_of_this_environment_installs_them(wanted, install_with):
    assert install_with(Path(pip.__file__).parents[1], wanted) == pinned_here(wanted)


def test_index__has_what_an_old_pip_stumbles_over(index):
    """Otherwise these tests would prove nothing."""
    folder, _ = index
    (coverage,) = [pin for pin in SETS if pin.name == "coverage"]
    assert [need for need in needs("pytest-cov") if need.startswith("coverage[toml]")]
    assert (folder / f"coverage-{coverage.newer}-py3-none-any.whl").exists()
