"""Secrets that a client sends, and more lines than there is room for: what ends up in the files of logs."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, unquote

from tests.attack.secret_texts import Case, cases, comes_through
from tests.attack.target import Held, send
from tests.e2e.commands import docker, wait_for
from tests.e2e.stack import Stack

TEXTS = 500
LINES = 2_000
#: nginx's access log is two files of this size; see dockerfiles/README.md.
BOUND_BYTES = 50 * 1024 * 1024
#: What fits into one of nginx's buffers for headers.
_LONGEST = 7_000


def masking(stack: Stack) -> Held:
    """Send texts with a planted secret as path and as user agent, and look for the secret in all lines."""
    chosen = Random(TEXTS).sample(cases(), TEXTS)
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda case: _sent(stack.port, case), chosen))
    wanted = {identity: case for identity, case in zip(ids, chosen, strict=True) if identity}

    def told() -> dict[str, list[str]] | None:
        lines = _lines(stack, wanted)
        return lines if len(lines) == len(wanted) else None

    lines = wait_for("a line of each request", told, 30)
    troubles = [f"a secret of the form {case.name}" for identity, case in wanted.items()
                if any(comes_through(case.secret, unquote(unquote(line))) for line in lines[identity])]  # fmt: skip
    return Held(len(wanted), troubles)


def flood(stack: Stack) -> Held:
    """Send requests whose lines are as long as they get, and weigh the files of nginx's log."""
    request = b"GET /%s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: %s\r\nConnection: close\r\n\r\n"
    filled = request % (b"%22" * (_LONGEST // 3), b"\\" * _LONGEST)
    heaviest = 0
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(lambda _: send(stack.port, filled), range(LINES)):
            pass
    for file in _folder(stack, "nginx-logs").glob("*.jsonl"):
        heaviest = max(heaviest, file.stat().st_size)
    return Held(LINES, [f"a file of {heaviest} bytes"] if heaviest > BOUND_BYTES else [])


def _sent(port: int, case: Case) -> str:
    """Return the id of the request, or an empty text where nginx refuses to read it."""
    text = quote(case.text, safe="/=:;,()[]{}'@!*+~$|")[:_LONGEST]
    agent = case.text if re.fullmatch("[ -~]*", case.text) else "-"
    lines = (f"GET /attack/{text} HTTP/1.1", "Host: localhost", f"User-Agent: {agent}", "Connection: close", "", "")
    answer = send(port, "\r\n".join(lines).encode())
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    return head.partition("x-request-id: ")[2].partition("\r\n")[0]


def _lines(stack: Stack, wanted: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for volume, pattern in (("nginx-logs", "*.jsonl"), ("app-logs", "*/*.jsonl")):
        for file in _folder(stack, volume).glob(pattern):
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                identity = _id(line)
                if identity in wanted:
                    found.setdefault(identity, []).append(line)
    return found


def _id(line: str) -> str:
    try:
        return str(json.loads(line)["http"]["request"]["id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _folder(stack: Stack, volume: str) -> Path:
    return Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", stack.volumes()[volume]).strip())
