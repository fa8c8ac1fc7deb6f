"""What only one run on this machine may have: a project's name, a port, a network. A lock on a file, until we end."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from tests.e2e.commands import ROOT, docker

#: Which programs choose for themselves neither as a server's port (from 32768 on) nor as one of a connection.
PORTS = range(20_000, 30_000)

_held: list[IO[str]] = []


def directory() -> Path:
    """Return where the locks are, which all checkouts on this machine share."""
    top = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "django-ops" / "e2e"
    top.mkdir(parents=True, exist_ok=True)
    return top


def project_name(checkout: Path = ROOT) -> str:
    """Return the name of the compose project of a checkout: runs in two checkouts are in nobody's way."""
    return f"django-ops-e2e-{hashlib.sha256(str(checkout.resolve()).encode()).hexdigest()[:6]}"


def lock(name: str) -> int | None:
    """Take a lock for as long as this process lives. Return None, or the process that has it (0 where unknown)."""
    file = (directory() / f"{name}.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        return int(holder or 0)
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    _held.append(file)
    return None


def claim(kind: str, candidates: Iterable[int], is_free: Callable[[int], bool]) -> int:
    """Return the first of the numbers that no other run has claimed and that is free. Raises AssertionError."""
    for number in candidates:
        if lock(f"{kind}-{number}") is None:
            if is_free(number):
                return number
            _held.pop().close()
    raise AssertionError(f"no {kind} is free: {directory()} has the locks of the runs that go on")


def claim_port() -> int:
    """Return a port of 127.0.0.1 that is ours: nobody listens there, and no other run will."""
    start = os.getpid() * 7 % len(PORTS)  # not all begin with the same one
    return claim("port", [*PORTS[start:], *PORTS[:start]], _nobody_listens)


def claim_network(project: str, block: str = "10.88") -> str:
    """Return the first three numbers of a network in a block: the project's own one, if it is up already."""
    taken = _networks()
    own = [
        int(subnet.split(".")[2]) for subnet, of in taken.items() if of == project and subnet.startswith(f"{block}.")
    ]
    first = own[0] if own else zlib.crc32(project.encode()) % 256
    numbers = [(first + step) % 256 for step in range(256)]
    number = claim(f"network-{block}", numbers, lambda it: taken.get(f"{block}.{it}.0/24") in (None, project))
    return f"{block}.{number}"


def claim_outside() -> tuple[str, str]:
    """Return two addresses for documentation (RFC 5737) that can be in a network of their own: nobody has them."""
    number = claim("outside", range(64), lambda _: True) * 4
    return f"198.51.100.{number + 1}", f"198.51.100.{number + 2}"


def _nobody_listens(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _networks() -> dict[str, str]:
    """Return the project of each of the engine's networks, by its subnet."""
    ids = docker("network", "ls", "-q", "--no-trunc").split()
    found = {}
    # one that was removed meanwhile is no matter
    for network in json.loads(docker("network", "inspect", *ids, check=False) or "[]"):
        for config in network["IPAM"]["Config"] or []:
            found[config["Subnet"]] = (network["Labels"] or {}).get("com.docker.compose.project", "")
    return found
