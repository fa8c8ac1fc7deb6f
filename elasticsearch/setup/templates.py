"""The templates, the data stream, and how long it keeps what."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from client import Server, SetupError

DATA_STREAM = "logs-django.ops-default"
_SECONDS = {"d": 86_400, "h": 3600, "m": 60}
#: Where Elasticsearch has no lifecycle: how old the index that is written may become before there is another.
_NEW_INDEX_AFTER_SECONDS = 86_400

Say = Callable[[str], None]


def ensure(server: Server, here: Path, retention: str, say: Say) -> None:
    """Bring templates and data stream to what the files say, and let it keep lines for `retention`, such as 30d."""
    seconds = _seconds(retention)
    lifecycle = {"template": {"lifecycle": {"data_retention": retention}}}
    template = _read(here / "index-template.json")
    nginx = _read(here / "nginx-template.json")
    content = hashlib.sha256(json.dumps([template, nginx], sort_keys=True).encode()).hexdigest()[:16]
    template["template"]["mappings"]["_meta"] = {"content": content}
    server.must("PUT", "/_component_template/django-ops-nginx", nginx)
    server.must("PUT", "/_component_template/django-ops-retention", lifecycle)
    server.must("PUT", "/_index_template/django-ops", template)
    if server.ask("GET", f"/_data_stream/{DATA_STREAM}").status == 404:
        server.must("PUT", f"/_data_stream/{DATA_STREAM}")
        say(f"data stream {DATA_STREAM} made")
    elif _content_of(server) != content:
        server.must("POST", f"/{DATA_STREAM}/_rollover")
        say(f"data stream {DATA_STREAM} goes on in a new index, as the template has changed")
    _keep(server, retention, seconds, say)


def _keep(server: Server, retention: str, seconds: int, say: Say) -> None:
    found = server.ask("GET", f"/_data_stream/{DATA_STREAM}/_lifecycle")
    if found.status == 200:
        (stream,) = found.body["data_streams"]
        if stream.get("lifecycle", {}).get("data_retention") != retention:
            server.must("PUT", f"/_data_stream/{DATA_STREAM}/_lifecycle", {"data_retention": retention})
            say(f"data stream {DATA_STREAM} keeps lines for {retention}")
        return
    if found.status not in (400, 405):
        raise SetupError(f"{server.url} does not tell the lifecycle of {DATA_STREAM}: {found}")
    say("this Elasticsearch has no data stream lifecycle: what is too old is deleted now, and whenever this runs")
    _keep_by_hand(server, seconds, say)


def _keep_by_hand(server: Server, seconds: int, say: Say) -> None:
    now = time.time()
    indices = list(_backing_indices(server))
    if now - indices[-1][1] > _NEW_INDEX_AFTER_SECONDS:
        server.must("POST", f"/{DATA_STREAM}/_rollover")
        say(f"data stream {DATA_STREAM} goes on in a new index")
        indices.append(("", now))
    for (name, _), (_, until) in pairwise(indices):
        if now - until > seconds:  # its newest line is older than that
            server.must("DELETE", f"/{name}")
            say(f"index {name} deleted")


def _backing_indices(server: Server) -> Iterator[tuple[str, float]]:
    """Yield name and time of creation, the oldest first; the last one is written."""
    (stream,) = server.must("GET", f"/_data_stream/{DATA_STREAM}")["data_streams"]
    for index in stream["indices"]:
        name = index["index_name"]
        told = server.must("GET", f"/{name}/_settings/index.creation_date?flat_settings=true")[name]["settings"]
        yield name, int(told["index.creation_date"]) / 1000


def _content_of(server: Server) -> str | None:
    """Return what the index that is written was made from."""
    name = list(_backing_indices(server))[-1][0]
    meta = server.must("GET", f"/{name}/_mapping")[name]["mappings"].get("_meta", {})
    found: str | None = meta.get("content")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"{path}: {error}") from error
    return told


def _seconds(retention: str) -> int:
    match = re.fullmatch(r"([1-9]\d*)([dhm])", retention)
    if not match:
        raise SetupError(f"LOG_RETENTION is {retention!r}; give days, hours or minutes, such as 30d")
    return int(match[1]) * _SECONDS[match[2]]
