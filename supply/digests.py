"""Writes compose.digests.yml, by which the engine takes each image of others by its content, whatever its tag says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable

from supply.compose import Service
from supply.pins import ROOT

LOCK = ROOT / "compose.digests.yml"
_HEAD = """\
# Written by `make digests`, after a change of a version as well: docs/how-to/verify.md. Read where it is named:
# COMPOSE_FILE=compose.yml:compose.digests.yml in .env. The engine then refuses whatever has another content.

services:
"""


class DigestError(Exception):
    """A registry did not give an image; the text says which, and why."""


def pull(tag: str) -> str:
    """Pull an image and return the digest that its registry gave. Raises DigestError."""
    ended = subprocess.run(["docker", "pull", tag], capture_output=True, text=True, check=False)
    digest = re.search(r"^Digest: (sha256:[0-9a-f]{64})$", ended.stdout, re.MULTILINE)
    if ended.returncode != 0 or digest is None:
        said = (ended.stderr.strip().splitlines() or ["no digest was told"])[-1]
        raise DigestError(f"{tag} could not be pulled, so its digest is not known: {said}")
    return digest[1]


def render(services: Iterable[Service], digest_of: Callable[[str], str]) -> str:
    """Return the file: each image of others, and each one that ours begin with, by version and digest."""
    known: dict[str, str] = {}

    def fixed(tag: str) -> str:
        if tag not in known:
            known[tag] = f"{tag}@{digest_of(tag)}"
        return known[tag]

    lines = []
    for service in services:
        if not service.ours:
            lines += [f"  {service.name}:", f"    image: {fixed(service.image)}"]
        elif service.builds:
            lines += [f"  {service.name}:", "    build:", "      args:"]
            lines += [f"        {name}: {fixed(tag)}" for name, tag in sorted(service.bases.items())]
    return _HEAD + "\n".join(lines) + "\n"
