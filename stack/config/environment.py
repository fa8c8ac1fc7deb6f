"""Reads the settings that come from environment variables, and names the variable when one is wrong.

An empty variable counts as one that is not set, as compose files and make pass them.
"""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

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
    """Return the variable `name`, or the file that `name`_FILE names, as a list: separated by commas or newlines."""
    items = [item.strip() for item in given(name, empty=True).replace("\n", ",").split(",")]
    return [item for item in items if item] or (default or [])


def time_zone(name: str, default: str = "UTC") -> str:
    """Return the variable `name`, a zone of the IANA database such as Europe/Vienna, or `default`.

    A path, such as the `:/etc/localtime` that some distributions export, names no zone, and counts as not set. Raises
    ImproperlyConfigured for a zone that is not known here.
    """
    zone = text(name).removeprefix(":")
    if not zone or zone.startswith("/"):
        return default
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:  # an unknown name, one that leaves the database, a folder of it
        message = f"{name} is {zone!r}, which is no time zone: name one such as Europe/Vienna"
        raise ImproperlyConfigured(message) from error
    return zone


def secret(name: str, default_file: Path) -> str:
    """Return the secret in the variable `name`, or in the file that `name`_FILE names, or in `default_file`.

    Raises ImproperlyConfigured when there is none: a secret has no default.
    """
    if value := given(name):
        return value
    try:
        value = default_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name} is not set, and {default_file} cannot be read ({error.strerror}). Set {name}, or {name}_FILE to a"
            " file; on a development machine, `make run` writes one."
        ) from error
    if not value:
        raise ImproperlyConfigured(f"{default_file}, the file with {name}, is empty")
    return value


def given(name: str, *, empty: bool = False) -> str:
    """Return the variable `name`, or what is in the file that `name`_FILE names; empty where neither is set.

    Raises ImproperlyConfigured, without what is in it, when there is a file that cannot be read, or that has nothing in
    it although `empty` does not say that it may.
    """
    path = text(f"{name}_FILE")
    if (value := text(name)) or not path:
        return value
    value = _content(f"{name}_FILE", path)
    if not value and not empty:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which is empty")
    return value


def log_directory(default: Path) -> Path:
    """Return DJANGO_LOG_DIR, in which `{hostname}` stands for this machine's name, or `default`.

    Containers that share a volume need a directory each: no file may have two writers.
    """
    return Path(text("DJANGO_LOG_DIR", str(default)).replace("{hostname}", socket.gethostname()))


def _content(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{variable} names {path}, which cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{variable} names {path}, which is no text") from error


def database(default_sqlite: Path) -> dict[str, Any]:
    """Return the default database: DATABASE_URL, or libpq's PG* variables, or SQLite in `default_sqlite`.

    `postgresql://user:password@host:5432/name?sslmode=require` or `sqlite:////absolute/path`; the URL may be in a file,
    DATABASE_URL_FILE. With PGHOST or PGDATABASE set, libpq reads the rest itself (PGUSER, PGPASSWORD, PGPASSFILE, ...),
    the password file at each connection. Raises ImproperlyConfigured for a password file that libpq would pass over.
    """
    url = given("DATABASE_URL")
    if not url:
        if text("PGHOST") or text("PGDATABASE"):
            _check_password_file(text("PGPASSFILE"))
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
    url = given("CACHE_URL")
    if not url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured("CACHE_URL must be redis://host:6379/0, rediss://... or unix://path")
    options = {"socket_connect_timeout": 5, "socket_timeout": 5}  # a request must not wait for ever
    return {"BACKEND": "django_ops.guard.caches.RedisCache", "LOCATION": url, "OPTIONS": options}


def broker() -> str:
    """Return Celery's CELERY_BROKER_URL, or an empty text where there is none."""
    url = given("CELERY_BROKER_URL")
    if url and not urlsplit(url).scheme:
        # without the URL itself: there may be a password in it
        raise ImproperlyConfigured("CELERY_BROKER_URL must be a URL such as redis://host:6379/0 or amqp://host//")
    return url


def memcached() -> dict[str, dict[str, Any]]:
    """Return the cache `memcached`, where MEMCACHED_ADDRESS names a server (host:port); none otherwise.

    It asks for the user and the password in the file that MEMCACHED_AUTH_FILE names, if there is one. A memcached that
    is gone is a cache that has nothing.
    """
    address = text("MEMCACHED_ADDRESS")
    if not address:
        return {}
    given("MEMCACHED_AUTH")  # to tell at start when the file is missing
    options = {"connect_timeout": 1, "timeout": 1, "no_delay": True, "ignore_exc": True}
    return {
        "memcached": {"BACKEND": "stack.config.memcached.MemcachedCache", "LOCATION": address, "OPTIONS": options},
    }


def _check_password_file(path: str) -> None:
    if not path:
        return
    entries = [line for line in _content("PGPASSFILE", path).splitlines() if not line.startswith("#")]
    if not any(len(re.findall(r"(?:[^:\\]|\\.)+", line)) == 5 for line in entries):
        raise ImproperlyConfigured(f"PGPASSFILE names {path}, which has no line host:port:database:user:password")
    if Path(path).stat().st_mode & 0o077:
        raise ImproperlyConfigured(f"PGPASSFILE names {path}, which others may read: libpq passes over it (chmod 0600)")


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
        # values go beside the statement, not in it: so neither the server's log nor pg_stat_activity shows them
        "OPTIONS": {**(options or {}), "server_side_binding": True},
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
