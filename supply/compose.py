"""What compose.yml and the Dockerfiles name: images of others, our own, and what those begin with."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supply.pins import ROOT


@dataclass(frozen=True)
class Service:
    """One service and its image; `bases` are the build arguments that name what an image of ours begins with."""

    name: str
    image: str
    bases: dict[str, str]
    #: Whether this one builds it: several are made from one image of ours.
    builds: bool

    @property
    def ours(self) -> bool:
        """Whether the image is built here."""
        return bool(self.bases)


def rendered(file: Path = ROOT / "compose.yml") -> dict[str, Any]:
    """Return the file with all profiles, as Docker reads it with `.env`."""
    command = ["docker", "compose", "-f", str(file), "--profile", "*", "config", "--format", "json"]
    told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return told


def services(config: dict[str, Any]) -> list[Service]:
    """Return the services of a rendered compose file, by name."""
    found = config["services"]
    recipes = {
        service["image"]: Path(service["build"]["context"], service["build"]["dockerfile"])
        for service in found.values()
        if service.get("build")
    }
    begun_with = {image: bases(recipe.read_text(encoding="utf-8")) for image, recipe in recipes.items()}
    return [
        Service(name, service["image"], begun_with.get(service["image"], {}), bool(service.get("build")))
        for name, service in sorted(found.items())
    ]


def bases(recipe: str) -> dict[str, str]:
    """Return the build arguments of a Dockerfile that name an image, with their values."""
    return dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", recipe, re.MULTILINE))
