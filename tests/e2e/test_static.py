"""What can be said of recipes, scripts and compose files without running them, by those who know best."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

from tests.e2e.commands import ROOT, run

RECIPES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("dockerfiles/*.Dockerfile"))
STAND_INS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/images/*/Dockerfile"))
#: compose.yml alone, and with each file that may be read after it.
OVERRIDES = sorted(path.name for path in ROOT.glob("compose.*.yml"))
COMBINATIONS = [(), *((name,) for name in OVERRIDES)]
#: Of the environment that runs the tests.
HADOLINT = str(Path(sys.executable).with_name("hadolint"))


def complaints(*arguments: str, text: str = "") -> list[str]:
    """Return what hadolint says, each line beginning with the file. Raises AssertionError where it cannot run."""
    ended = run(HADOLINT, "--no-color", *arguments, check=False, text=text)
    assert ended.returncode in {0, 1}, ended.stderr
    assert (ended.returncode == 0) == (ended.stdout == ""), ended.stdout + ended.stderr
    return ended.stdout.splitlines()


def test_hadolint__finds_nothing() -> None:
    assert RECIPES
    assert STAND_INS
    assert complaints(*RECIPES) == []
    assert complaints("--config", "tests/images/.hadolint.yaml", *STAND_INS) == []


def test_hadolint__would_find_something() -> None:
    found = complaints("-", text="FROM python\nRUN cd /tmp && sudo pip install x\nCMD run this\n")
    assert {"DL3004", "DL3006", "DL3025"} <= {line.split()[1] for line in found}


def scripts() -> list[str]:
    """Return every shell script that git knows, by its first line."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0")
    found = []
    for name in filter(None, names):
        with (ROOT / name).open("rb") as file:
            first = file.readline(80)
        if first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b" sh", b"bash")):
            found.append(name)
    return found


def test_shellcheck__finds_nothing() -> None:
    assert run("shellcheck", *scripts(), check=False).stdout == ""


def test_shellcheck__would_find_something() -> None:
    assert "SC2086" in run("shellcheck", "-", check=False, text="#!/bin/sh\nrm $1\n").stdout
    assert {"dockerfiles/nginx/entrypoint.sh", "dockerfiles/app/harden.sh", ".ci/run"} <= set(scripts())


def config(*names: str, **environment: str) -> tuple[int, str]:
    """Return status and complaints of `docker compose config` for some files, with every profile."""
    files = [argument for name in names for argument in ("-f", name)]
    ended = run("docker", "compose", *files, "--profile", "*", "config", "-q", check=False, environment=environment)
    return ended.returncode, ended.stdout + ended.stderr


def test_compose__understands_each_file(images: None) -> None:
    found = {names: config("compose.yml", *names) for names in COMBINATIONS}
    assert found == dict.fromkeys(COMBINATIONS, (0, ""))


def test_images_of_ours__are_never_pulled(images: None) -> None:
    """Or the first `up` runs what a registry has under its name, instead of building it."""
    for names in COMBINATIONS:
        files = [argument for name in ("compose.yml", *names) for argument in ("-f", name)]
        services = json.loads(run("docker", "compose", *files, "--profile", "*", "config", "--format", "json").stdout)
        ours = {
            name: it.get("pull_policy") for name, it in services["services"].items() if "django-ops/" in it["image"]
        }
        assert {"secrets", "migrate", "web", "nginx"} <= ours.keys(), names
        assert set(ours.values()) == {"never"}, names


def test_compose__would_refuse_something(images: None, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("services: {web: {comand: [web]}}\n", encoding="utf-8")
    status, said = config("compose.yml", str(wrong))
    assert status != 0
    assert "comand" in said


def test_overrides__name_only_services_that_there_are() -> None:
    """A misspelt one would be a new service without an image."""

    class Loader(yaml.SafeLoader):
        """Reads Compose's own tags as what they stand before."""

    Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))
    services = yaml.safe_load((ROOT / "compose.yml").read_text(encoding="utf-8"))["services"]
    for name in OVERRIDES:
        override = yaml.load((ROOT / name).read_text(encoding="utf-8"), Loader)
        assert override["services"].keys() <= services.keys(), name
