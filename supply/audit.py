"""Asks the index for known holes in everything that is pinned; exceptions have a date and a reason.

What pip-audit calls clean is not always so. It leaves out a package that the index does not tell of, and one that is
pinned for another Python, and takes an index without a word about holes for one that knows of none. So all pins are
asked for whatever their markers, what was left out is named, and an old Django with known holes is asked for first: an
index that finds nothing in it is no source.
"""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supply.pins import FILES, REQUIREMENTS, ROOT, read_pins

EXCEPTIONS = REQUIREMENTS / "audit-exceptions.toml"
#: A release whose holes any source knows of, CVE-2023-31047 among them.
KNOWN_BAD = ("django", "4.2")
#: So far ahead an exception may last: a quarter, then somebody looks again.
LONGEST_DAYS = 92

CLEAN, HOLES, UNASKED = 0, 1, 3

Release = tuple[str, str]


class AuditError(Exception):
    """The audit cannot begin; the text says why."""


@dataclass(frozen=True)
class Excepted:
    """A hole that is accepted for a while."""

    id: str
    package: str
    reason: str
    until: datetime.date


@dataclass(frozen=True)
class Hole:
    """A known hole in a release, by all the names that it has."""

    release: Release
    ids: tuple[str, ...]
    fixed_in: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What the index told: holes, and the releases that it told nothing of."""

    holes: tuple[Hole, ...]
    unknown: tuple[Release, ...]


Ask = Callable[[Iterable[Release]], Answer]


def read_exceptions(path: Path, today: datetime.date) -> list[Excepted]:
    """Return the exceptions of a file. Raises AuditError for one that is over, endless, or lacks something."""
    excepted = []
    for number, entry in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("exception", []), 1):
        try:
            one = Excepted(**entry)
        except TypeError as error:
            raise AuditError(f"exception {number} in {path.name}: needs id, package, reason and until") from error
        if type(one.until) is not datetime.date or not one.reason.strip():
            raise AuditError(f"{one.id} in {path.name}: needs a reason, and a date such as until = 2027-01-31")
        if one.until < today:
            raise AuditError(f"{one.id} in {path.name}: expired on {one.until}")
        if (one.until - today).days > LONGEST_DAYS:
            raise AuditError(f"{one.id} in {path.name}: {one.until} is more than {LONGEST_DAYS} days ahead")
        excepted.append(one)
    return excepted


def pinned() -> dict[Release, list[str]]:
    """Return every release that is pinned for any Python, and the files that pin it."""
    found = defaultdict(list)
    for path in FILES:
        for pin in read_pins(path):
            found[pin.name, pin.version].append(str(path.relative_to(ROOT)))
    return dict(found)


def audit(ask: Ask, releases: dict[Release, list[str]], excepted: list[Excepted]) -> tuple[int, list[str]]:
    """Return the exit status and what to print."""
    if not ask([KNOWN_BAD]).holes:
        said = f"NOT CHECKED: the index tells of no hole in {'=='.join(KNOWN_BAD)}, so of none in anything"
        return UNASKED, [f"{said}; {len(releases)} pinned releases were not checked"]
    answer = ask(releases)
    allowed = {(one.package, one.id): one for one in excepted}
    used, lines, found = set(), [], False
    for hole in answer.holes:
        name, version = hole.release
        match = next((allowed[name, identity] for identity in hole.ids if (name, identity) in allowed), None)
        if match:
            used.add(match)
            lines.append(f"accepted until {match.until}: {name} {version} {match.id}: {match.reason}")
            continue
        found = True
        cure = f"fixed in {' or '.join(hole.fixed_in)}" if hole.fixed_in else "no release fixes it"
        lines.append(f"HOLE: {name} {version} {' = '.join(hole.ids)}, {cure}; in {' '.join(releases[hole.release])}")
    for one in excepted:
        if one not in used and not answer.unknown:
            found = True
            lines.append(f"NOT NEEDED: the exception for {one.package} {one.id}: remove it")
    if answer.unknown:
        names = " ".join("==".join(release) for release in answer.unknown)
        lines.append(f"NOT CHECKED: the index does not tell of {names}")
    lines.append(f"{len(releases) - len(answer.unknown)} of {len(releases)} pinned releases were checked")
    return HOLES if found else UNASKED if answer.unknown else CLEAN, lines


def ask_pip_audit(releases: Iterable[Release]) -> Answer:
    """Ask by pip-audit, which takes one version of a name at a time. Raises AuditError where it cannot ask."""
    rounds: list[dict[str, str]] = []
    for name, version in releases:
        for one in rounds:
            if one.setdefault(name, version) == version:
                break
        else:
            rounds.append({name: version})
    told = [entry for one in rounds for entry in _run_pip_audit(one)]
    holes = [
        Hole((entry["name"], entry["version"]), (hole["id"], *hole["aliases"]), tuple(hole["fix_versions"]))
        for entry in told
        for hole in entry.get("vulns", [])
    ]
    known = {(entry["name"], entry["version"]) for entry in told if "vulns" in entry}
    return Answer(tuple(holes), tuple(sorted(set(releases) - known)))


def _run_pip_audit(releases: dict[str, str]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in releases.items())
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        ended = subprocess.run([*command, "-f", "json", "-r", file.name], capture_output=True, text=True, check=False)
    if "No module named pip_audit" in ended.stderr:
        raise AuditError("pip-audit is not installed: run `make audit`")
    try:
        return list(json.loads(ended.stdout)["dependencies"])
    except (ValueError, KeyError):  # the index could not be reached: it says so, and gives no JSON
        print((ended.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1], file=sys.stderr)
        return []


def main(*, where_it_answers: bool) -> int:
    """Audit all pins; return the exit status. `where_it_answers`: an index without an answer is no failure."""
    try:
        # first: an exception that is over fails whatever the index says
        excepted = read_exceptions(EXCEPTIONS, datetime.datetime.now(datetime.UTC).date())
        status, lines = audit(ask_pip_audit, pinned(), excepted)
    except AuditError as error:
        print(error, file=sys.stderr)
        return HOLES
    print("\n".join(lines))
    return CLEAN if where_it_answers and status == UNASKED else status
