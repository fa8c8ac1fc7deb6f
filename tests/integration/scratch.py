"""A project of Django's own `startproject`, to follow our pages in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.services import HOST, held_port

ROOT = Path(__file__).parents[2]


class Project:
    """A project called `shop` in a directory of its own, and what is run in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = directory / "shop/settings.py"
        self.port = held_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DJANGO_", "PROMETHEUS_", "OPS_", "GUNICORN_"))
        } | {"PYTHONPATH": str(ROOT), "TMPDIR": str(directory), "PYTHONUNBUFFERED": "1"}
        subprocess.run([sys.executable, "-m", "django", "startproject", "shop", directory], check=True)

    @property
    def url(self) -> str:
        """Where a server of the project listens."""
        return f"http://{HOST}:{self.port}"

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.directory / path).parent.mkdir(exist_ok=True)
        (self.directory / path).write_text(text, encoding="utf-8")

    def add_settings(self, text: str) -> None:
        """Append to the settings."""
        with self.settings.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of this Python's environment, and return what it said."""
        return subprocess.run(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=self.directory, env=self.environment | environment, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py`, which must end well, and return what it said."""
        ended = self.run("python", "manage.py", *arguments, **environment)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a server, whose output is for the caller to read."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name(command[0])), *command[1:]],
            cwd=self.directory, env=self.environment | environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page that are marked with `language`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
