"""Each set has all that its packages need, as pip does not look for dependencies."""

import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.requirements import Requirement

from tests.unit.requirements.made_index import FILES, ROOT, Pin, needs, pins

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: The groups of pyproject.toml that each set is made of (the Makefile's `requirements`), and whether the package's own
#: dependencies belong to it.
GROUPS = {
    "run": (["stack"], True),
    "services": (["services"], False),
    "test": (["test"], True),
    "lint": (["test", "lint"], True),
    "audit": (["audit"], False),
    "wheel": ([], True),
    "stack": (["image"], True),
    "dev": (["dev"], False),
    "pin": (["build", "pin"], False),
    "uwsgi": (["uwsgi"], False),
}
#: Before 3.11.3, redis needs a package more.
PYTHONS = ("3.11.0", "3.11.9", "3.12.0", "3.13.0", "3.14.0")


def group(name: str) -> Iterator[str]:
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, dict):
            yield from group(entry["include-group"])
        else:
            yield entry


def wanted_by(name: str) -> list[str]:
    groups, with_package = GROUPS[name]
    own = list(PROJECT["project"]["dependencies"]) if with_package else []
    if name == "wheel":
        own += [entry for extra in PROJECT["project"]["optional-dependencies"].values() for entry in extra]
    return [*own, *(entry for each in groups for entry in group(each))]


def surroundings(python: str, extra: str = "") -> dict[str, str]:
    return {"python_version": python.rpartition(".")[0], "python_full_version": python, "extra": extra}


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def missing(roots: list[str], pinned: list[Pin], python: str) -> list[str]:
    """What `roots` and all that they lead to ask for on this Python and is not pinned in a version that fits."""
    here = [
        pin
        for pin in pinned
        if not pin.marker or Requirement(f"x ; {pin.marker}").marker.evaluate(surroundings(python))
    ]
    versions = {pin.name: pin.version for pin in here}
    wrong, seen, waiting = [], set(), [(root, "") for root in roots]
    while waiting:
        text, extra = waiting.pop()
        if (text, extra) in seen:
            continue
        seen.add((text, extra))
        need = Requirement(text)
        if need.marker and not need.marker.evaluate(surroundings(python, extra)):
            continue
        name = need.name.lower().replace("_", "-").replace(".", "-")
        if name not in versions or not need.specifier.contains(versions[name], prereleases=True):
            wrong.append(f"{text} on {python}: {versions.get(name)}")
        # what another version than the one that is installed here would need is found on the Python that has it
        if versions.get(name) == installed_version(name):
            waiting += [(each, of) for each in needs(name) for of in ("", *need.extras)]
    return wrong


@pytest.mark.parametrize("file", FILES[:-1], ids=lambda file: file.name)
def test_set__is_complete(file):
    roots = wanted_by(file.stem)
    assert [wrong for python in PYTHONS for wrong in missing(roots, pins(file), python)] == []


def test_benchmarks__are_complete():
    """As far as their packages are installed here; `pip check` says the rest when their environment is made."""
    roots = [line.partition("#")[0].strip() for line in FILES[-1].with_suffix(".in").read_text().splitlines()]
    assert missing([root for root in roots if root], pins(FILES[-1]), "3.11.9") == []


def test_set__a_dependency_that_is_not_pinned_is_found():
    (test,) = [file for file in FILES if file.name == "test.txt"]
    without = [pin for pin in pins(test) if pin.name != "execnet"]
    assert [found.split(">=")[0] for found in missing(wanted_by("test"), without, "3.13.0")] == ["execnet"]


def test_set__what_an_extra_needs_is_found():
    (test,) = [file for file in FILES if file.name == "test.txt"]
    without = [pin for pin in pins(test) if pin.name != "uvloop"]
    assert [found.split(">=")[0] for found in missing(wanted_by("test"), without, "3.13.0")] == ["uvloop"]
