"""A project of Django's own `startproject`, to follow our pages in."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.services import HOST, held_port, stop, wait_until

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
        # Django 6.1 begins with one that `check --deploy` refuses
        new = self.settings.read_text(encoding="utf-8").replace("backends.console.", "backends.smtp.")
        self.settings.write_text(new, encoding="utf-8")

    @property
    def url(self) -> str:
        """Where a server of the project listens."""
        return f"http://{HOST}:{self.port}"

    def write(self, path: str, text: str) -> None:
        """Write a file of the project."""
        (self.directory / path).parent.mkdir(exist_ok=True)
        (self.directory / path).write_text(text, encoding="utf-8")

    def add_app(self, name: str, text: str) -> None:
        """Write an app that has only its configuration."""
        self.write(f"{name}/__init__.py", "")
        self.write(f"{name}/apps.py", text)

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

    @contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[Output]:
        """A server, which is ended afterwards, and what it says."""
        output = Output(self.directory)
        with output.files[0].open("wb") as out, output.files[1].open("wb") as err:
            server = subprocess.Popen(
                [str(Path(sys.executable).with_name(command[0])), *command[1:]],
                cwd=self.directory, env=self.environment | environment,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        try:
            yield output
        finally:
            stop(server, signal.SIGINT)


class Output:
    """What a server has said so far."""

    def __init__(self, directory: Path) -> None:
        number = len(list(directory.glob("stdout-*")))
        self.files = directory / f"stdout-{number}", directory / f"stderr-{number}"

    @property
    def out(self) -> str:
        """Its standard output."""
        return self.files[0].read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """Its standard error."""
        return self.files[1].read_text(encoding="utf-8")

    def wait_for(self, text: str) -> None:
        """Wait until it has said so, on either. Raises TimeoutError with all that it said."""
        try:
            wait_until(lambda: text in self.out + self.err, f"the server says {text!r}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.out}\n{self.err}") from None


def ask(url: str, **headers: str) -> int:
    """Return the status of an answer, or 0 where nobody answers yet."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
            response.read()  # a server that is left in the middle of it tells of something else
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            error.read()
        return error.code
    except OSError:
        return 0


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page that are marked with `language`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
