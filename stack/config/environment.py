"""Reads the settings that come from environment variables, and names the variable when one is wrong.

An empty variable counts as one that is not set, as compose files and make pass them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """Return the variable `name`, or `default`."""
    return os.environ.get(name) or default


def flag(name: str, *, default: bool) -> bool:
    """Return the variable `name` as true (1, true, yes, on) or false (0, false, no, off)."""
    value = text(name).lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    if value:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")
    return default


def listing(name: str, default: list[str] | None = None) -> list[str]:
    """Return the variable `name`, separated by commas, as a list."""
    items = [item.strip() for item in text(name).split(",")]
    return [item for item in items if item] or (default or [])


def secret(name: str, default_file: Path) -> str:
    """Return the secret in the variable `name`, or in the file that `name`_FILE names, or in `default_file`.

    Raises ImproperlyConfigured when there is none: a secret has no default.
    """
    if value := text(name):
        return value
    path = Path(text(f"{name}_FILE", str(default_file)))
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is not set, and {path} cannot be read ({error.strerror}). Set {name}, or {name}_FILE to a file;"
            " on a development machine, `make run` writes one."
        ) from error
    if not value:
        raise ImproperlyConfigured(f"{path}, the file with {name}, is empty")
    return value


def database(default_sqlite: Path) -> dict[str, Any]:
    """Return the default database: DATABASE_URL, or libpq's PG* variables, or SQLite in `default_sqlite`.

    `postgresql://user:password@host:5432/name?sslmode=require` or `sqlite:////absolute/path`. With PGHOST or
    PGDATABASE set, libpq reads the rest itself (PGUSER, PGPASSWORD, PGPASSFILE, PGSSLMODE, ...).
    """
    url = text("DATABASE_URL")
    if not url:
        if text("PGHOST") or text("PGDATABASE"):
            return _postgresql(name=text("PGDATABASE", text("PGUSER", "postgres")))
        return _sqlite(default_sqlite)
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and len(parts.path) > 1:
        return _sqlite(Path(unquote(parts.path[1:])))
    if parts.scheme not in {"postgres", "postgresql"} or len(parts.path) < 2:
        # without the URL itself: there may be a password in it
        raise ImproperlyConfigured(
            "DATABASE_URL must be postgresql://user:password@host:5432/name or sqlite:////absolute/path,"
            f" not a URL with the scheme {parts.scheme!r} and {'a' if len(parts.path) > 1 else 'no'} name"
        )
    return _postgresql(
        name=unquote(parts.path[1:]),
        host=unquote(parts.hostname or ""),
        port=_port(url),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        options=dict(parse_qsl(parts.query)),
    )


def cache() -> dict[str, Any]:
    """Return the default cache: the Redis that CACHE_URL names, or one in each process's memory."""
    url = text("CACHE_URL")
    if not url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured("CACHE_URL must be redis://host:6379/0, rediss://... or unix://path")
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}


def _port(url: str) -> str:
    try:
        return str(urlsplit(url).port or "")
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL has a port that is none: {error}") from error


def _postgresql(
    name: str,
    host: str = "",
    port: str = "",
    user: str = "",
    password: str = "",
    options: dict[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "HOST": host,
        "PORT": port,
        "USER": user,
        "PASSWORD": password,
        "OPTIONS": options or {},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            # several workers write: readers do not wait for a writer, and a writer waits for its turn
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
        },
    }
