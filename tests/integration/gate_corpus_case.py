"""What one request of the corpus is, and how its bytes are put together."""

from __future__ import annotations

from typing import NamedTuple

#: The word that no UI may ever read.
MARKER = "intruder"

#: What an answer's head may never have: who somebody is, in our words; a cookie for the site; another host.
NEVER_IN_HEAD = ("x-ops-", "set-cookie: sessionid", "set-cookie: csrftoken", MARKER)


class Case(NamedTuple):
    """One request. `{session}` in it stands for the session key of its sender."""

    name: str
    request: str  # a character is a byte
    by: str = ""  # who is signed in: "" nobody; bob, who may open nothing; ann, who may open all but `closed`
    open_to: tuple[str, ...] = ()


def request(line: str, *headers: str, by: str = "", host: str = "ops.example.com", body: str = "") -> str:
    lines = [line]
    if host:
        lines.append(f"Host: {host}")
    if by:
        lines.append("Cookie: sessionid={session}")
    lines += headers
    if not any(header.lower().startswith("connection:") for header in headers):
        lines.append("Connection: close")
    return "\r\n".join(lines) + "\r\n\r\n" + body


def get(
    name: str, path: str, *headers: str, by: str = "", open_to: tuple[str, ...] = (), host: str = "ops.example.com"
) -> Case:
    return Case(name, request(f"GET {path} HTTP/1.1", *headers, by=by, host=host), by, open_to)
