"""A copy of the repository in which a test may change files; what is built from it has a tag of its own."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from tests.e2e.commands import ROOT, docker, run
from tests.e2e.stack import Stack

BUILD_SECONDS = 600
#: Tests build nothing of what is only mounted or read by people.
LEFT_OUT = ("tests/", "docs/", "benchmarks/")


class Checkout:
    """The files that git knows, as they are here, and compose projects made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version = f"e2e-{secrets.token_hex(4)}"
        listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split("\0")
        for name in listed:
            source = ROOT / name
            if name and not name.startswith(LEFT_OUT) and source.is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def change(self, name: str, before: str, after: str) -> None:
        """Replace a text in a file. Raises AssertionError where it is not there."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert before in text, f"{name} has no {before!r}"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Add to the end of a file."""
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def stack(self, project: str) -> Stack:
        """Return a stack of the core that is made of these files, and of their images."""
        return Stack(project, profiles="", folder=self.folder, version=self.version)

    @cached_property
    def _builder(self) -> Stack:
        return self.stack(self.version)

    def build(self, *services: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Build our images by `docker compose build`. Raises CommandFailed."""
        return self._builder.compose("build", *services, timeout=BUILD_SECONDS, check=check)

    def image(self, name: str) -> str:
        """Return the tag of `app`, `nginx` or `provision`."""
        return f"django-ops/{name}:{self.version}"

    def remove_images(self) -> None:
        """Remove what was built."""
        names = ("app", "nginx", "provision")
        docker("rmi", "-f", *map(self.image, names), self.image("app") + "-development", check=False)


@contextmanager
def checkout(folder: Path) -> Iterator[Checkout]:
    """Return a copy, and remove at the end what was built from it."""
    copy = Checkout(folder)
    try:
        yield copy
    finally:
        copy.remove_images()
