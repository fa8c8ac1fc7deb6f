"""Roles, and the users that Elasticsearch keeps itself.

All others are in the node's own files, `users` and `users_roles`, which the service secrets writes: the API lets every
user that it has made change their own password, and so whoever shares an account would lock all others out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from client import Server, SetupError

Say = Callable[[str], None]

KIBANA = "kibana_system"
#: Users that an earlier set-up has made by the API.
FORMER = ("filebeat_writer", "grafana_reader", "operator")


def password(secrets: Path, name: str) -> str:
    """Return a secret. Raises SetupError where its file is missing, unreadable or empty."""
    path = secrets / name
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise SetupError(f"{path} cannot be read ({reason}): `docker compose up secrets` makes it") from error
    if not found:
        raise SetupError(f"{path} is empty: remove it, and `docker compose up secrets` makes it anew")
    return found


def ensure_roles(server: Server, here: Path, say: Say) -> None:
    """Bring each role to what roles.json says."""
    for name, role in json.loads((here / "roles.json").read_text(encoding="utf-8")).items():
        answer = server.must("PUT", f"/_security/role/{name}", role)
        if answer["role"]["created"]:
            say(f"role {name} made")


def ensure_users(server: Server, secrets: Path, say: Say) -> None:
    """Give Kibana's own user its password, and remove those users that the node knows by its file now."""
    wanted = password(secrets, "kibana-password")
    if server.as_user(KIBANA, wanted).ask("GET", "/_security/_authenticate").status != 200:
        server.must("POST", f"/_security/user/{KIBANA}/_password", {"password": wanted})
        say(f"password of {KIBANA} set")
    for name in FORMER:
        path = f"/_security/user/{name}"
        if server.ask("GET", path).status == 200:
            server.must("DELETE", path)
            say(f"user {name} removed: it is in the node's own file")
