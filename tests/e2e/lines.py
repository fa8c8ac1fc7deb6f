"""The log lines of a stack: in its files, and in Elasticsearch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tests.e2e.commands import docker, wait_for
from tests.e2e.probe import Probe

#: Within that time a line must be findable: Filebeat looks for lines each second, and for new files every 5 s.
SHIPPED_SECONDS = 60


#: Prints files, each but for a last line without its end: it may be half there.
_PRINT = (
    "import sys\nfor name in sys.argv[1:]:"
    " content = open(name, 'rb').read(); sys.stdout.buffer.write(content[: content.rfind(b'\\n') + 1])"
)


def lines_below(container: str, folder: str, *tests: str) -> list[dict[str, Any]]:
    """Return the lines of the files *.jsonl below a folder that pass `find`'s tests. Raises ValueError."""
    files = ("find", folder, "-name", "*.jsonl", *tests)
    text = docker("exec", container, *files, "-exec", "python", "-c", _PRINT, "{}", "+", timeout=60)
    return [json.loads(line) for line in text.splitlines() if line]


def in_files(probe: Probe, directory: str) -> list[dict[str, Any]]:
    """Return the lines of the stack's own files in a volume: `app-logs` (web's), `nginx-logs`. Raises ValueError."""
    return lines_below(probe.name, f"/volumes/{directory}", "!", "-path", f"/volumes/{directory}/scribe-*")


def field(line: dict[str, Any], name: str) -> Any:
    """Return a field by its dotted name, however much of it is nested; None when it is not there."""
    if name in line:
        return line[name]
    node: Any = line
    for part in name.split("."):
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    return node


def request_ids(lines: Iterable[dict[str, Any]], dataset: str) -> list[str]:
    """Return the request ids of the lines of one dataset, once for each line."""
    return [field(line, "http.request.id") for line in lines if field(line, "event.dataset") == dataset]


def shipped(probe: Probe, dataset: str, ids: Iterable[str]) -> dict[str, int]:
    """Return how many documents of a dataset Elasticsearch has for each of the request ids."""
    wanted = sorted(set(ids))
    found: dict[str, int] = dict.fromkeys(wanted, 0)
    for start in range(0, len(wanted), 1000):
        some = wanted[start : start + 1000]
        answer = probe.search(
            {
                "size": 0,
                "query": {
                    "bool": {
                        "filter": [{"term": {"event.dataset": dataset}}, {"terms": {"http.request.id": some}}],
                    }
                },
                "aggs": {"ids": {"terms": {"field": "http.request.id", "size": len(some)}}},
            },
            fresh=True,
        )
        found |= {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["ids"]["buckets"]}
    return found


def wait_shipped(probe: Probe, dataset: str, ids: Iterable[str], seconds: float = SHIPPED_SECONDS) -> dict[str, int]:
    """Wait until Elasticsearch has a line for each id; return how many it has. Raises AssertionError."""
    wanted = set(ids)

    def complete() -> dict[str, int]:
        counts = shipped(probe, dataset, wanted)
        return counts if all(counts.values()) else {}

    what = f"{dataset} lines of {len(wanted)} requests in Elasticsearch"
    return wait_for(what, complete, seconds, 1) if wanted else {}
