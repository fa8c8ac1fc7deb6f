"""Gives the site's role in PostgreSQL a new password, while the site runs.

`make secrets-rotate NAME=database-password` runs it. libpq reads the password file at each connection, so nothing needs
a restart, and connections that are open stay so. The new password is stored beside the old one first: whenever this is
interrupted, running it again completes it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psycopg
from psycopg import sql

from stack.provision.secrets import files, template
from stack.provision.secrets.errors import SecretsError
from stack.provision.secrets.store import generate
from stack.provision.secrets.table import FILES, Group

GROUP = "django"
FILE = next(file for file in FILES if file.path == f"{GROUP}/pgpass")
#: Beside the password file while the database may know the one or the other.
NEXT_SUFFIX = "-next"
CONNECT_TIMEOUT_SECONDS = 5


def main() -> None:
    """Rotate the password in the files that the command line names. Exits with a message and 1 where it cannot."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m stack.provision.database_password PASSWORD_FILE [ITS_COPY ...]")
    path, *copies = map(Path, sys.argv[1:])
    try:
        with files.locked(path.parent):
            rotate(path, *copies)
    except SecretsError as error:
        sys.exit(f"database-password: {error}")
    except OSError as error:
        sys.exit(f"database-password: {error.filename}: {error.strerror}")
    except psycopg.Error as error:
        sys.exit(f"database-password: the database refuses: {error}".rstrip())
    print("database-password rotated; new connections use it")


def rotate(path: Path, *copies: Path) -> None:
    """Replace the password in the database and then in the files. Raises SecretsError, OSError or psycopg.Error.

    `path` comes first: from it, the next `up` mends a copy that an interruption left behind.
    """
    current = _password(path)
    if current is None:
        raise SecretsError(f"{path} is missing or broken: docker compose run --rm secrets")
    following = _next(path)
    coming = _password(following) or generate("key")
    for each in (path, *copies):
        files.write(_next(each), template.fill(FILE.template, {"database": coming}, None), _own_group(each))
    if (connection := _connection(current)) is not None:
        with connection:
            _alter(connection, coming)
    elif (connection := _connection(coming)) is not None:  # an earlier run got so far: only the new one is valid
        connection.close()
    else:
        raise SecretsError(f"neither the password in {path} nor the one in {following.name} opens the database")
    for each in (path, *copies):  # at once: whoever connects in between is refused
        _next(each).rename(each)


def _next(path: Path) -> Path:
    return path.with_name(path.name + NEXT_SUFFIX)


def _password(path: Path) -> str | None:
    content = files.read(path)
    shown = template.read_back(FILE.template, content) if content is not None else None
    return shown["database"] if shown else None


def _own_group(path: Path) -> Group:
    found = path.parent.stat()
    return Group(found.st_uid, found.st_gid)


def _connection(password: str) -> psycopg.Connection | None:
    """Return a connection as the environment's PGHOST, PGUSER and PGDATABASE have it, or None for a wrong password."""
    try:
        return psycopg.connect(password=password, connect_timeout=CONNECT_TIMEOUT_SECONDS, autocommit=True)
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            return None
        raise


def _alter(connection: psycopg.Connection, password: str) -> None:
    """Set the password of the connection's own role, hashed here: the server's log could show the statement."""
    role = connection.info.user
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))


if __name__ == "__main__":
    os.umask(0o077)
    main()
