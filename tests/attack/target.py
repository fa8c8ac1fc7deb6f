"""The stack that is attacked: found by its project's name, and spoken to at its own addresses only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.attack.wire import Address, exchange
from tests.e2e.stack import Stack


@dataclass(frozen=True)
class Held:
    """What an attack found: how much it tried, and each wall that did not hold, in a sentence."""

    tried: int
    troubles: list[str]


class NoStackError(Exception):
    """There is no running stack of that name; the message says what to do."""


def find(project: str) -> Stack:
    """Return the running stack of a compose project. Raises NoStackError."""
    stack = Stack(project)
    containers = stack.containers()
    running = [item for item in containers.get("nginx", []) if item["State"]["Running"]]
    if not running:
        raise NoStackError(f"no nginx of a compose project {project!r} is running: `docker compose up --wait`, and"
                           " name the project with --project if it is another one")  # fmt: skip
    published = running[0]["HostConfig"]["PortBindings"]["8080/tcp"][0]
    if not published["HostIp"].startswith("127."):
        raise NoStackError(f"nginx is published on {published['HostIp'] or 'every address'}: only a stack on 127.0.0.1"
                           " is attacked")  # fmt: skip
    stack.port = int(published["HostPort"])
    return stack


def send(port: int, request: bytes, seconds: float = 10, host: str = "127.0.0.1") -> bytes:
    """Send bytes as they are, and return the answer until the server closes, or falls silent for so long."""
    return exchange(Address(host, port), request, seconds)


def statuses(answers: Iterable[bytes]) -> list[int]:
    """Return the status of each answer; 0 where there is none."""
    return [int(answer[9:12]) if answer[9:12].isdigit() else 0 for answer in answers]
