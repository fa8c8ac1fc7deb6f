"""Secrets anew: those that can change while the stack runs, and those that people give."""

from __future__ import annotations

import re
from pathlib import Path

from stack.provision.secrets import files
from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.store import Store, generate
from stack.provision.secrets.table import GIVEN, SITE, VALUES

#: How many former keys stay valid. Each costs an HMAC for a cookie that is not the newest key's.
OLD_KEYS = 3

#: The names for the command line.
ROTATED = {
    "django-secret-key": "secret_key",
    "metrics-token": "metrics_token",
    "flower-password": "flower",
}
DATABASE_PASSWORD = "database-password"  # noqa: S105 - a name


def rotate(store: Store, name: str) -> tuple[str, ...]:
    """Replace a secret; return the services that must read it anew. What was signed with an old key stays valid.

    Raises SecretsError for a name that is none.
    """
    if name == DATABASE_PASSWORD:
        raise SecretsError(
            "The database must be told as well: make secrets-rotate NAME=database-password, which is"
            " `docker compose run --rm database-password`"
        )
    if name not in ROTATED:
        raise SecretsError(f"No secret {name!r} can be rotated. There are: {', '.join([*ROTATED, DATABASE_PASSWORD])}")
    value = ROTATED[name]
    if value == "secret_key":
        # the old one is valid before the new one is used: the first write is that of the fallbacks
        old = [store.values[value], *store.values["old_secret_keys"].split()]
        store.values["old_secret_keys"] = "".join(f"{key}\n" for key in old[:OLD_KEYS])
        store.write()
    store.values[value] = generate(VALUES[value].kind)
    store.write()
    return VALUES[value].restart or ()


def forget_old_keys(store: Store) -> tuple[str, ...]:
    """Let no former key of Django's be valid any more; return the services that must be told."""
    store.values["old_secret_keys"] = ""
    store.write()
    return SITE


def take(store: Store, name: str, content: str) -> str:
    """Store what somebody gives, and return the file's name. Raises SecretsError where it is not what is meant."""
    if name not in GIVEN:
        raise SecretsError(f"{name!r} is nothing that can be given. There are: {', '.join(GIVEN)}")
    file, expected = GIVEN[name]
    if not content.endswith("\n"):
        content += "\n"
    if not re.fullmatch(expected, content):
        raise SecretsError(f"What was given is no {name}; nothing was changed. Give it on standard input.")
    files.prepare(store.root / file.group, store.groups[file.group])
    files.write(Path(store.root / file.path), content, store.groups[file.group])
    return file.path
