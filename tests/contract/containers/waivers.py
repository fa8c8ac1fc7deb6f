"""Exceptions to the rules, each with its reason: tests/contract/waivers.yml."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.contract.containers.finding import Finding

WAIVERS_FILE = Path(__file__).parents[1] / "waivers.yml"

#: Where an exception shows: in compose.yml, on the running container, or on both.
PLACES = ("file", "running", "both")
#: A reason that says something takes a sentence.
REASON_LENGTH = 30


@dataclass(frozen=True)
class Waiver:
    """Lets `service` (or every service: `*`) be an exception to `rule`, in exactly one respect.

    `before_engine` is the first version of the Docker engine that needs it no more; None where all need it.
    """

    service: str
    rule: str
    what: str
    reason: str
    at: str
    before_engine: int | None = None

    def covers(self, finding: Finding) -> bool:
        """Tell whether the finding is this exception."""
        return self.rule == finding.rule and self.what == finding.what and self.service in ("*", finding.service)

    def __str__(self) -> str:
        return f"{self.service}: {self.rule}: {self.what}"


def load(path: Path = WAIVERS_FILE) -> list[Waiver]:
    """Return the waivers. Raises ValueError for one that is incomplete, has no proper reason, or comes twice."""
    waivers: list[Waiver] = []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        if unknown := entry.keys() - {"service", "rule", "what", "reason", "at", "before_engine"}:
            raise ValueError(f"{path.name}: {entry}: unknown key {sorted(unknown)[0]}")
        if len(entry.get("reason", "")) < REASON_LENGTH:
            raise ValueError(f"{path.name}: {entry}: says no reason")
        at = entry.get("at", "both")
        if at not in PLACES:
            raise ValueError(f"{path.name}: {entry}: `at` must be one of {', '.join(PLACES)}")
        what = entry["what"] if isinstance(entry["what"], list) else [entry["what"]]
        before = entry.get("before_engine")
        waivers += [Waiver(entry["service"], entry["rule"], item, entry["reason"], at, before) for item in what]
    names = [str(waiver) for waiver in waivers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{path.name}: {name} is waived twice")
    return waivers


def unlisted(found: Iterable[Finding], waivers: Collection[Waiver]) -> list[Finding]:
    """Return the findings that no waiver covers."""
    return sorted(finding for finding in found if not any(waiver.covers(finding) for waiver in waivers))


def unused(found: Collection[Finding], waivers: Iterable[Waiver], place: str) -> list[Waiver]:
    """Return the waivers of `place` (file or running) that cover nothing."""
    here = (waiver for waiver in waivers if waiver.at in (place, "both"))
    return [waiver for waiver in here if not any(waiver.covers(finding) for finding in found)]
