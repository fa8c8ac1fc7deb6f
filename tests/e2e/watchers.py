"""Prometheus and Alertmanager as compose.yml has them, without the rest of the stack, and quick to notice things."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from tests.e2e.commands import ROOT, docker

SERVICES = yaml.safe_load((ROOT / "compose.yml").read_text(encoding="utf-8"))["services"]
_PYTHON = re.search(
    r"PYTHON_IMAGE=(\S+)", (ROOT / SERVICES["secrets"]["build"]["dockerfile"]).read_text(encoding="utf-8")
)
#: What needs the whole stack: its passwords, its address, what is kept for long.
_NOT_HERE = re.compile(r"--web\.|--storage\.tsdb\.retention")


class Watchers:
    """A network of its own with these programs and with whatever a test puts beside them."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._started: list[str] = []

    def start(self, service: str, secrets: Mapping[str, str], replaced: tuple[str, str] = ("\0", "")) -> None:
        """Start a service of compose.yml with its memory, these secrets, and a copy of its folder.

        In the copy nothing takes longer than a second, and the first text of `replaced` is the second one.
        """
        configuration, given = self.folder / service, self.folder / f"{service}-secrets"
        shutil.copytree(ROOT / service, configuration)
        for path in configuration.rglob("*.yml"):
            path.write_text(impatient(path.read_text(encoding="utf-8")).replace(*replaced), encoding="utf-8")
        given.mkdir()
        for name, content in secrets.items():
            (given / name).write_text(f"{content}\n", encoding="utf-8")
        found = SERVICES[service]
        limits = found["deploy"]["resources"]["limits"]
        variables = [f"--env={name}={value}" for name, value in found.get("environment", {}).items()]
        self.run(
            service,
            [*variables, f"--memory={limits['memory']}", f"--memory-swap={limits['memory']}",
             f"--volume={configuration}:/etc/{service}:ro", f"--volume={given}:/run/secrets/{service}:ro",
             found["image"], *(word for word in found["command"] if not _NOT_HERE.match(word))],
            [service],
        )  # fmt: skip

    def python(self, script: Path, names: Iterable[str]) -> None:
        """Start a program of a test, which others find under these names; its own is the script's."""
        assert _PYTHON
        command = [f"--volume={script}:/{script.name}:ro", "--entrypoint=python", _PYTHON[1], "-u", f"/{script.name}"]
        self.run(script.stem, ["--init", *command], names)

    def run(self, name: str, command: list[str], aliases: Iterable[str]) -> None:
        container = f"{self.name}-{name}"
        self._started.append(container)
        found = [f"--network-alias={alias}" for alias in aliases]
        docker("run", "-d", f"--name={container}", f"--network={self.name}", *found, *command)

    def exec(self, name: str, *command: str, check: bool = True) -> str:
        """Return what a command says in one of the containers. Raises AssertionError where that has ended."""
        container = f"{self.name}-{name}"
        assert docker("inspect", "--format={{.State.Status}}", container).strip() == "running", f"{name} has ended"
        return docker("exec", container, *command, check=check)

    def logs(self, name: str) -> list[str]:
        return docker("logs", f"{self.name}-{name}").splitlines()

    def ask_prometheus(self, path: str) -> Any:
        """Return what its API answers, or None where it does not answer."""
        url = f"http://127.0.0.1:9090/api/v1/{path}"
        answer = self.exec("prometheus", "wget", "-q", "-O", "-", url, check=False)
        return json.loads(answer)["data"] if answer else None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result of an instant query; nothing where there is no answer."""
        answer = self.ask_prometheus(f"query?query={quote(expression)}")
        return answer["result"] if answer else []

    def remove(self) -> None:
        docker("rm", "-f", *self._started, check=False)
        docker("network", "rm", self.name, check=False)


def impatient(text: str) -> str:
    """Return a configuration in which what takes longer than a second takes one, but for how far back is looked."""
    text = re.sub(r"(?m)^( *-? *)(\w+_(?:interval|timeout|wait)|for): \d+[smh]\b", r"\1\2: 1s", text)
    return re.sub(r"(?m)^( *)keep_firing_for: \d+[smh]\b", r"\1keep_firing_for: 5s", text)


@contextmanager
def watchers(folder: Path) -> Iterator[Watchers]:
    """Yield a network with nobody in it; `folder` is for configurations."""
    found = Watchers(f"watchers-{uuid.uuid4().hex[:8]}", folder)
    docker("network", "create", "--internal", found.name)
    try:
        yield found
    finally:
        found.remove()
