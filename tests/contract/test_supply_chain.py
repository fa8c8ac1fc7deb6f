"""What the project is made of can be told and held: lists of parts, digests for every image."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from supply import bom, digests, notes
from supply.compose import bases, services
from supply.image import Image, Part
from supply.pins import REQUIREMENTS, read_pins
from tests.contract.containers import compose, project, supply
from tests.contract.test_dockerfiles import APP, EACH, NGINX, PROVISION, arguments
from tests.unit.test_package import build

pytestmark = pytest.mark.one_python

PAGE = (compose.ROOT / "docs/how-to/verify.md").read_text(encoding="utf-8")
IMAGE = Image(
    tag="django-ops/app:2026-12-01",
    id="sha256:" + "1" * 64,
    digests=("registry.example/app@sha256:" + "2" * 64,),
    labels={"org.opencontainers.image.title": "django-ops app", "com.example.other": "x"},
    system=("debian", "13"),
    parts=(
        Part("apk", "musl", "1.2.5-r10", "x86_64"),
        Part("deb", "libstdc++6", "1:14.2.0-19", "amd64"),
        Part("generic", "python", "3.13.15"),
        Part("pypi", "django", "6.1.3"),
    ),
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that writes a list and returns its text."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")

    def write(made: bom.Bom, name: str = "one") -> str:
        bom.write(made, tmp_path / name / "list.cdx.json")
        return (tmp_path / name / "list.cdx.json").read_text(encoding="utf-8")

    return write


def of_wheel(wheel: Path) -> bom.Bom:
    return bom.of_wheel(wheel, read_pins(REQUIREMENTS / "wheel.txt"))


def test_lists__are_valid_cyclonedx(wheel: Path, written) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for made in (of_wheel(wheel), bom.of_image(IMAGE, ["python:3.13.15-slim-trixie"])):
        assert validator.validate_str(written(made)) is None
    assert validator.validate_str('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": 1}') is not None


def test_lists__are_the_same_bytes_each_time(wheel: Path, written) -> None:
    assert written(of_wheel(wheel)) == written(of_wheel(wheel), "two")
    assert written(bom.of_image(IMAGE)) == written(bom.of_image(IMAGE), "two")
    assert written(bom.of_image(IMAGE)) != written(of_wheel(wheel), "two")


def test_list_of_the_wheel__has_all_that_it_asks_for_with_hashes(wheel: Path, written) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        asked = HeaderParser().parsestr(archive.read(name).decode()).get_all("Requires-Dist")
    listed = json.loads(written(of_wheel(wheel)))
    assert {Requirement(line).name for line in asked} <= {part["name"] for part in listed["components"]}
    assert [part["name"] for part in listed["components"] if not part["externalReferences"][0]["hashes"]] == []
    # whichever Python: Django 6 is for some only
    assert len([part for part in listed["components"] if part["name"] == "django"]) == 2


def test_list_of_the_wheel__is_not_about_the_other_project_of_its_name(wheel: Path, written) -> None:
    assert "pkg:pypi/django-ops" not in written(of_wheel(wheel))


def test_list_of_an_image__names_each_part_as_scanners_ask_for_it(written) -> None:
    listed = json.loads(written(bom.of_image(IMAGE, ["python:3.13.15-slim-trixie"])))
    assert {part["purl"] for part in listed["components"]} == {
        "pkg:apk/debian/musl@1.2.5-r10?arch=x86_64&distro=debian-13",
        "pkg:deb/debian/libstdc%2B%2B6@1:14.2.0-19?arch=amd64&distro=debian-13",
        "pkg:generic/python@3.13.15",
        "pkg:pypi/django@6.1.3",
    }
    image = listed["metadata"]["component"]
    assert [base["name"] for base in image["pedigree"]["ancestors"]] == ["python"]
    assert {entry["value"] for entry in image["properties"]} == {IMAGE.id, *IMAGE.digests, "django-ops app"}


def test_hash_of_the_wheel__is_checked_by_the_command_on_the_page(wheel: Path, tmp_path: Path, written) -> None:
    (command,) = re.findall(r"^\$ (sha256sum --check .*)$", PAGE, re.MULTILINE)
    downloaded = tmp_path / wheel.name
    downloaded.write_bytes(wheel.read_bytes())
    written(of_wheel(wheel), ".")
    (tmp_path / "SHA256SUMS").write_text(notes.sums(tmp_path))
    (tmp_path / "list.cdx.json").unlink()  # not everybody takes all files

    def check() -> int:
        return subprocess.run(shlex.split(command), cwd=tmp_path, capture_output=True, check=False).returncode

    assert check() == 0
    downloaded.write_bytes(wheel.read_bytes() + b"x")
    assert check() == 1


def digest_of(tag: str) -> str:
    return "sha256:" + f"{len(tag):064x}"


def written_lock() -> str:
    """Return the file that `make digests` would write."""
    return digests.render(services(compose.render(compose.read(), compose.read_env())), digest_of)


def locked() -> dict:
    """compose.yml with that file."""
    raw = compose.read()
    lock = yaml.safe_load(written_lock())
    for name, service in lock["services"].items():
        raw["services"][name] |= {key: value for key, value in service.items() if key == "image"}
    return raw


def test_digests__cover_every_image_of_others() -> None:
    said = list(supply.h16_versions(project.load()))
    assert {what for _, what in said} == {"no digest"}, "compose.yml itself has versions only"
    assert list(supply.h16_versions(project.load(raw=locked()))) == []


def test_digests__cover_what_our_images_begin_with() -> None:
    lock = yaml.safe_load(written_lock())
    fixed = {name: service["build"]["args"] for name, service in lock["services"].items() if "build" in service}
    python = bases(APP.read_text())["PYTHON_IMAGE"]
    assert fixed["migrate"] == {"PYTHON_IMAGE": f"{python}@{digest_of(python)}"}
    assert fixed.keys() == {"secrets", "migrate", "nginx"}
    assert fixed["nginx"].keys() == {"NGINX_IMAGE", "PYTHON_IMAGE"}


@EACH
def test_dockerfile__begins_with_images_that_can_be_given_by_digest(recipe: Path) -> None:
    stages = {line.partition(" AS ")[2] for line in arguments(recipe.read_text(), "FROM")} | {"scratch"}
    begun = {line.partition(" AS ")[0] for line in arguments(recipe.read_text(), "FROM")} - stages
    named = {f"${{{name}}}" for name in bases(recipe.read_text())}
    assert begun - named - {"project${PROJECT:+-given}"} == set()
    assert {APP, NGINX, PROVISION} == set((compose.ROOT / "dockerfiles").glob("*.Dockerfile"))


def stale(lock: str) -> list[str]:
    """Return the lines that a lock lacks. A digest wins over its tag: one left behind would run the former version."""
    known = dict(re.findall(r"(\S+)@(sha256:\S+)", lock))
    now = digests.render(services(compose.render(compose.read(), compose.read_env())), lambda tag: known.get(tag, "?"))
    return [line.strip() for line in now.splitlines() if line not in lock.splitlines()]


def test_committed_digests__are_of_the_versions_that_are_named() -> None:
    assert stale(digests.LOCK.read_text(encoding="utf-8") if digests.LOCK.exists() else written_lock()) == []


def test_digest__of_a_former_version_is_found() -> None:
    images = [service.image for service in services(compose.render(compose.read(), compose.read_env()))]
    store = next(image for image in images if image.startswith("postgres:"))
    for tag in (store, bases(APP.read_text())["PYTHON_IMAGE"]):
        found = stale(written_lock().replace(tag, tag.partition(":")[0] + ":1.0"))
        assert {line.partition(": ")[2] for line in found} == {f"{tag}@?"}
