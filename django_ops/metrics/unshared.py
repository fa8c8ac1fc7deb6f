"""Warns when several processes answer /metrics in turn, and each reports only its own numbers."""

from __future__ import annotations

import logging
import os
import socket
import threading

from django_ops.record import slot

logger = logging.getLogger(__name__)

_WARNING = (
    "Several processes answer /metrics in turn, and each reports only its own numbers. Set %s to an empty directory"
    " before the server starts, or run one process."
)

_first_look = threading.Lock()  # never released: threads answer scrapes at the same time
_held: list[int] = []  # descriptors


def look(port: str) -> None:
    """Warn, once per server, when another process of it has answered a scrape at this port. Raises nothing.

    Only a scrape can tell: two servers may serve one site, and each be scraped by itself. What they do not have in
    common is the process that started them.
    """
    if slot.directory() is not None or not _first_look.acquire(blocking=False):
        return
    server = f"django-ops-{os.getuid()}-{os.getppid()}-{port}"
    if not _take(f"{server}-first") and _take(f"{server}-told"):
        logger.warning(_WARNING, slot.DIRECTORY_VARIABLE)


def _take(name: str) -> bool:
    """Take a name that only one process of the machine can have; it is free again when that ends."""
    try:
        taken = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    except OSError:
        return False
    try:
        taken.bind(f"\0{name}")  # in Linux's namespace without files
    except OSError:
        taken.close()
        return False
    _held.append(taken.detach())
    return True


def _start_anew() -> None:
    """Hold no name in a forked child: it would keep the name after its parent has ended."""
    global _first_look
    _first_look = threading.Lock()
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_start_anew)
