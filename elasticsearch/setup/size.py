"""Keeps the lines below a size: new indices while one is small, and the oldest deleted when all are too large."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from client import Server, SetupError

#: Lines, and what Elasticsearch has refused as a line: whoever fills the one may fill the other.
STREAMS = "logs-django.ops-*"
#: So many indices hold what is kept: what is deleted at once is a tenth.
SHARES = 10
_UNITS = {"mb": 1024**2, "gb": 1024**3}

Say = Callable[[str], None]


class Index(NamedTuple):
    """An index behind a data stream. The order of these is that of their age."""

    day: str
    generation: str
    stream: str
    name: str


def most_bytes(text: str) -> int:
    """Return a size such as 5gb. Raises SetupError."""
    match = re.fullmatch(r"([1-9]\d*)(mb|gb)", text)
    if not match:
        raise SetupError(f"LOG_SIZE is {text!r}; give megabytes or gigabytes, such as 5gb")
    return int(match[1]) * _UNITS[match[2]]


def keep(server: Server, most: int, say: Say) -> None:
    """Begin new indices where one is large, and delete the oldest as long as all take more than `most` bytes.

    The index that is written to is never deleted: a new one is begun before it is a tenth too large. Raises SetupError,
    and OSError without an answer.
    """
    sizes = _sizes(server)
    written = {index.stream: index for index in sorted(sizes)}
    for stream, index in list(written.items()):
        if sizes[index] > most / SHARES:
            server.must("POST", f"/{stream}/_rollover")
            say(f"data stream {stream} goes on in a new index, as {index.name} has {sizes[index]} bytes")
            del written[stream]
    total = sum(sizes.values())
    for index in sorted(set(sizes) - set(written.values())):
        if total <= most:
            return
        server.must("DELETE", f"/{index.name}")
        total -= sizes[index]
        say(f"index {index.name} deleted, as all lines took more than {most} bytes")


def _sizes(server: Server) -> dict[Index, int]:
    """Return how many bytes each index has on the disk, with the log of what it has not written out yet."""
    told = server.must("GET", f"/{STREAMS}/_stats/store,translog")["indices"]
    found = {}
    for name, statistics in told.items():
        match = re.fullmatch(r"\.ds-(.+)-(\d{4}\.\d\d\.\d\d)-(\d{6,})", name)
        if match:
            parts = (statistics["total"][part]["size_in_bytes"] for part in ("store", "translog"))
            found[Index(match[2], match[3], match[1], name)] = sum(parts)
    return found
