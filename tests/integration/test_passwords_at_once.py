"""Six processes change the password of one user at the same moment: none of the seven passwords is free again."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.integration.password_changes import free_again
from tests.integration.services import PostgreSQL

ROUNDS = 10


def test_changes__at_once_in_postgresql_lose_no_password(postgresql: PostgreSQL) -> None:
    name = "passwords_at_once"
    with psycopg.connect(
        host=postgresql.host, port=postgresql.port, user=postgresql.user, dbname=postgresql.database, autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    where = {"HOST": postgresql.host, "PORT": postgresql.port, "USER": postgresql.user, "PASSWORD": postgresql.password}
    assert free_again({"ENGINE": "django.db.backends.postgresql", "NAME": name, **where}, ROUNDS) == []


def test_changes__at_once_in_sqlite_lose_no_password(tmp_path: Path) -> None:
    where = {"NAME": str(tmp_path / "db.sqlite3"), "OPTIONS": {"timeout": 60}}
    assert free_again({"ENGINE": "django.db.backends.sqlite3", **where}, ROUNDS) == []
