"""Says so when several processes of one server answer scrapes by turns, and each tells its own numbers only."""

from __future__ import annotations

import logging
import os
import socket

from django_ops.record import slot

logger = logging.getLogger(__name__)

_WARNING = (
    "Several processes answer /metrics by turns, and each shows its own numbers only. Set %s to an empty directory"
    " before the server starts, or run one process."
)

_has_looked = False


def look(port: str) -> None:
    """Warn, once per server, when another process of it has answered a scrape at this port. Raises nothing.

    Only a scrape can tell: two servers may serve one site, and each be scraped by itself. What they do not have in
    common is the process that started them.
    """
    global _has_looked
    if _has_looked or slot.directory() is not None:
        return
    _has_looked = True
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
    taken.detach()  # the process holds it until it ends
    return True
