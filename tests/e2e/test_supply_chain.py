"""Lists of parts have all that an image says of itself, and an image with a digest is the one that was looked at."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from supply.compose import rendered, services
from supply.digests import DigestError, pull, render
from supply.image import read_image
from tests.e2e.commands import ROOT, docker, run
from tests.e2e.registry import Registry, registry
from tests.e2e.stack import Stack
from tests.images.catalog import read_catalog

PACKAGES = (
    "if command -v dpkg-query >/dev/null; then"
    r" dpkg-query -W -f='deb ${Package} ${Version} ${db:Status-Status}\n' | sed -n 's/ installed$//p'; "
    "else apk list -I | sed -E 's/^(.+)-([0-9][^ -]*(-r[0-9]+)?) .*/apk \\1 \\2/'; fi"
)
DISTRIBUTIONS = """
import importlib.metadata as metadata, re
for found in metadata.distributions():
    print("pypi", re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower(), found.version)
"""


@pytest.mark.parametrize("service", ["web", "nginx", "secrets"])
def test_list__has_every_package_that_the_image_tells_of(running: Stack, service: str) -> None:
    tag = running.container(service)["Config"]["Image"]
    listed = {f"{part.kind} {part.name} {part.version}" for part in read_image(tag).parts}
    run_in = ("run", "--rm", "--network=none", "--entrypoint")
    told = set(docker(*run_in, "sh", tag, "-c", PACKAGES).splitlines())
    assert len(told) > 10
    assert {line for line in listed if line.startswith(("deb", "apk"))} == told
    if service != "nginx":
        found = set(docker(*run_in, "python", tag, "-c", DISTRIBUTIONS).splitlines())
        assert "pypi bcrypt" in {line.rpartition(" ")[0] for line in found}
        assert found - listed == set()


Compose = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def fake() -> Iterator[Registry]:
    with registry() as serving:
        yield serving


@pytest.fixture
def saved(images: None, tmp_path: Path) -> bytes:
    """A small image as `docker save` writes it."""
    path = tmp_path / "image.tar"
    docker("save", "-o", str(path), read_catalog()["nginx-exporter"].tag)
    return path.read_bytes()


@pytest.fixture
def project(fake: Registry, tmp_path: Path) -> Iterator[Compose]:
    """A function that runs compose for one service whose image the fake registry has."""
    name = f"digests-{secrets.token_hex(4)}"
    service = {"image": f"{fake.address}/exporter:1.0", "command": ["--version"]}
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {"exporter": service}}), encoding="utf-8")

    def compose(*arguments: str, files: tuple[str, ...] = ("compose.yml",)) -> subprocess.CompletedProcess[str]:
        named = [word for file in files for word in ("-f", str(tmp_path / file))]
        return run("docker", "compose", "-p", name, *named, *arguments, check=False)

    def forget() -> None:
        compose("down", "--timeout", "5")
        images = docker("image", "ls", "--no-trunc", "-q", "--filter", f"reference={fake.address}/exporter").split()
        if images:
            docker("rmi", "-f", *sorted(set(images)))

    compose.forget = forget  # type: ignore[attr-defined]
    yield compose
    forget()


LOCKED = ("compose.yml", "compose.digests.yml")


def label(compose: Compose) -> str:
    """Return which of the two images the service's container was made of."""
    identity = compose("ps", "-aq", "exporter").stdout.strip()
    return docker("inspect", "-f", '{{index .Config.Labels "built-by"}}', identity).strip()


def test_digest__refuses_what_has_another_content(
    fake: Registry, saved: bytes, project: Compose, tmp_path: Path
) -> None:
    digest = fake.push("1.0", saved, **{"built-by": "upstream"})
    config = rendered(tmp_path / "compose.yml")
    (tmp_path / "compose.digests.yml").write_text(render(services(config), pull), encoding="utf-8")
    assert f"exporter:1.0@{digest}" in (tmp_path / "compose.digests.yml").read_text(encoding="utf-8")
    assert project("up", "-d", files=LOCKED).returncode == 0
    assert label(project) == "upstream"

    # somebody pushes another image under the tag: who goes by the tag takes it, who goes by the digest does not
    other = fake.push("1.0", saved, **{"built-by": "a stranger"})
    for files, taken in ((LOCKED, "upstream"), (("compose.yml",), "a stranger")):
        project.forget()  # type: ignore[attr-defined]
        assert project("up", "-d", files=files).returncode == 0
        assert label(project) == taken

    # the registry itself hands out the other image for the digest: nothing starts
    fake.manifests[digest] = fake.manifests[other]
    project.forget()  # type: ignore[attr-defined]
    ended = project("up", "-d", files=LOCKED)
    assert ended.returncode != 0
    assert "digest" in ended.stderr
    assert project("ps", "-aq").stdout == ""


def test_digests__are_merged_into_compose_yml(images: None, tmp_path: Path) -> None:
    """By the line on the page, for every service; a build keeps its other arguments."""
    page = (ROOT / "docs/how-to/verify.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^COMPOSE_FILE=(.*)$", page, re.MULTILINE)
    before = rendered()["services"]
    lock = tmp_path / "compose.digests.yml"
    lock.write_text(render(services({"services": before}), lambda _: "sha256:" + "0" * 64), encoding="utf-8")
    files = line.replace("compose.digests.yml", str(lock))
    command = ("docker", "compose", "--profile", "*", "config", "--format", "json")
    after = json.loads(run(*command, environment={"COMPOSE_FILE": files}).stdout)["services"]
    ours = {service["image"] for service in before.values() if "build" in service}
    assert {name for name, service in after.items() if "@sha256:" not in service["image"]} == {
        name for name, service in before.items() if service["image"] in ours
    }
    build = after["nginx"]["build"]
    assert "@sha256:" in build["args"].pop("NGINX_IMAGE")
    assert "@sha256:" in build["args"].pop("PYTHON_IMAGE")
    assert build == before["nginx"]["build"]


def test_digest__of_an_image_that_cannot_be_pulled_is_not_made_up(fake: Registry) -> None:
    with pytest.raises(DigestError, match=r"exporter:2\.0 could not be pulled, so its digest is not known"):
        pull(f"{fake.address}/exporter:2.0")
