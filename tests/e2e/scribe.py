"""Writes numbered lines into a stack's volume of logs, and counts what Elasticsearch has of them."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.e2e.commands import docker, wait_for
from tests.e2e.probe import Probe

#: The user of the application's containers.
USER = "10001:10001"
#: Runs in a container: appends what standard input lists to the file that begins with it. A number is so many numbered
#: lines, a text is bytes in hexadecimal.
_SCRIPT = """
import datetime, json, os, sys, time
path, name, number, pieces, pause_seconds = json.load(sys.stdin)
os.makedirs(os.path.dirname(path), exist_ok=True)
with open(path, "ab", buffering=0) as file:
    for piece in pieces:
        if isinstance(piece, str):
            file.write(bytes.fromhex(piece))
            continue
        for number in range(number, number + piece):
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = {"@timestamp": now, "log.level": "info", "message": f"{name} {number}", "ecs.version": "8.11",
                    "service": {"name": "e2e"}, "event": {"dataset": "django.log"}, "process": {"pid": number},
                    "labels": {"e2e": name, "number": str(number), "padding": "x" * 200}}
            file.write(json.dumps(line).encode() + b"\\n")
            time.sleep(pause_seconds)
        number += 1
"""


class Scribe:
    """Whoever writes one file of lines, which it calls by a name of its own, into a volume of the engine."""

    def __init__(self, probe: Probe, volume: str | None = None) -> None:
        self.name = f"scribe-{secrets.token_hex(4)}"
        self._probe = probe
        self._stack = probe.stack
        self._image = self._stack.container("web")["Config"]["Image"]
        self._path = f"/var/log/django/{self.name}/django.0.jsonl"
        self._volume = volume or self._stack.volumes()["app-logs"]
        self._count = 0

    def write(self, *pieces: int | bytes, pause_seconds: float = 0) -> None:
        """Append so many numbered lines, or bytes as they are, in this order; return when they are written."""
        place = ("--network=none", f"--user={USER}", f"--volume={self._volume}:/var/log/django", "--entrypoint=python")
        listed = [piece.hex() if isinstance(piece, bytes) else piece for piece in pieces]
        told = json.dumps([self._path, self.name, self._count, listed, pause_seconds])
        docker("run", "--rm", "-i", *place, self._image, "-c", _SCRIPT, text=told, timeout=300)
        self._count += sum(piece for piece in pieces if isinstance(piece, int))

    def rotate(self) -> None:
        """Rename the file, as the application does with one that is large enough."""
        options = ("--network=none", f"--user={USER}", f"--volume={self._volume}:/var/log/django", "--entrypoint=mv")
        docker("run", "--rm", *options, self._image, self._path, self._path.replace(".0.", ".0.20260101T000000."))

    @contextmanager
    def writing(self, count: int, pause_seconds: float) -> Iterator[None]:
        """Append so many numbered lines in the background, with a pause after each; wait for the last at the end."""
        with ThreadPoolExecutor(1) as pool:
            written = pool.submit(self.write, count, pause_seconds=pause_seconds)
            yield
            written.result()

    def found(self) -> Counter[int]:
        """Return how often Elasticsearch has each line, by its number."""
        numbers = {"terms": {"field": "labels.number", "size": 50_000}}
        query = {"size": 0, "query": {"term": {"labels.e2e": self.name}}, "aggs": {"numbers": numbers}}
        answer = self._probe.search(query, fresh=True)
        buckets: Sequence[dict[str, Any]] = answer["aggregations"]["numbers"]["buckets"]
        return Counter({int(bucket["key"]): bucket["doc_count"] for bucket in buckets})

    def documents(self, size: int = 100) -> list[dict[str, Any]]:
        """Return the documents of the file, in its order."""
        here = {"prefix": {"log.file.path": f"/var/log/django/{self.name}/"}}
        answer = self._probe.search({"size": size, "query": here, "sort": ["log.offset"]}, fresh=True)
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def wait_found(self, seconds: float) -> None:
        """Wait until Elasticsearch has every line, and check that it has each once. Raises AssertionError."""
        wanted = set(range(self._count))
        found: Counter[int] = Counter()

        def all_there() -> bool:
            found.clear()
            found.update(self.found())
            return wanted <= found.keys()

        try:
            wait_for(f"the {self._count} lines of {self.name}", all_there, seconds, 1)
        except AssertionError as error:
            missing = sorted(wanted - found.keys())
            raise AssertionError(f"{error}; {len(missing)} are missing, such as {missing[:5]}") from None
        assert [number for number, times in found.items() if times > 1] == []
