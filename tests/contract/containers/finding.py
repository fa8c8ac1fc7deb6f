"""What the rules say, and what they look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

#: What a rule yields: the service, and what is wrong with it in few, stable words, which a waiver repeats.
Complaints = Iterator[tuple[str, str]]

#: The profile of what `up` never starts.
TOOLS = "tools"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that a rule objects to."""

    service: str
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.service}: {self.rule}: {self.what}"


@dataclass(frozen=True)
class Project:
    """All that the rules read, as plain data, so that a test can change any of it.

    `config` is rendered, as `docker compose config --format json` prints it; `raw` and `text` are compose.yml as
    written; `nginx` is the text of nginx's configuration; `daemon` the daemon.json that the documentation asks for.
    """

    config: dict[str, Any]
    raw: dict[str, Any]
    text: str
    nginx: str
    daemon: dict[str, Any] = field(default_factory=dict)

    @property
    def services(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """The services by name."""
        return self.config["services"].items()

    @cached_property
    def one_shots(self) -> set[str]:
        """Services that do their work and end: those for whose success another one waits, and tools run by hand."""
        tools = {name for name, service in self.services if service.get("profiles") == [TOOLS]}
        return tools | {
            name
            for _, service in self.services
            for name, condition in service.get("depends_on", {}).items()
            if condition.get("condition") == "service_completed_successfully"
        }
