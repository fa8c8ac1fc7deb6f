"""Writes servers as CSV, a row at a time, so that an export needs no more memory than a page."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from stack.inventory.models import Server, ServerQuerySet

COLUMNS = (
    "hostname", "address", "data_centre", "environment", "status", "operating_system",
    "cpu_cores", "memory_gib", "disk_gib", "commissioned_on", "retired_on", "tags", "notes",
)  # fmt: skip

#: Servers that are held in memory at a time.
CHUNK_SERVERS = 200


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(servers: ServerQuerySet) -> Iterator[str]:
    """Yield the header, then one line for each of `servers`."""
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for server in servers.iterator(chunk_size=CHUNK_SERVERS):
        yield writer.writerow([_harmless(value) for value in _values(server)])


def _values(server: Server) -> list[object]:
    return [
        server.hostname,
        server.address,
        server.data_centre.code,
        server.environment.slug,
        server.status,
        server.operating_system,
        server.cpu_cores,
        server.memory_gib,
        server.disk_gib,
        server.commissioned_on or "",
        server.retired_on or "",
        " ".join(tag.name for tag in server.tags.all()),
        server.notes,
    ]


def _harmless(value: object) -> object:
    """Keep a spreadsheet from running a text as a formula. https://owasp.org/www-community/attacks/CSV_Injection"""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
