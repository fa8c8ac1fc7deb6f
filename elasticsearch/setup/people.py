"""Roles and users: who may do what, with passwords from the secrets' files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client import Server, SetupError

Say = Callable[[str], None]


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


def ensure_users(server: Server, here: Path, secrets: Path, say: Say) -> None:
    """Bring each user to what users.json and its secret say; what is right already is left alone."""
    users = json.loads((here / "users.json").read_text(encoding="utf-8"))
    passwords = {name: password(secrets, user["secret"]) for name, user in users.items()}
    for name, user in users.items():
        if _is_right(server.as_user(name, passwords[name]), user):
            continue
        if user.get("built_in"):
            server.must("POST", f"/_security/user/{name}/_password", {"password": passwords[name]})
            say(f"password of {name} set")
        else:
            told = {"password": passwords[name], "roles": user["roles"], "full_name": user["full_name"]}
            created = server.must("PUT", f"/_security/user/{name}", told)["created"]
            say(f"user {name} {'made' if created else 'changed'}")


def _is_right(server: Server, user: dict[str, Any]) -> bool:
    """Say whether the password is taken, and the roles are those."""
    answer = server.ask("GET", "/_security/_authenticate")
    if answer.status != 200:
        return False
    return bool(user.get("built_in")) or sorted(answer.body["roles"]) == sorted(user["roles"])
