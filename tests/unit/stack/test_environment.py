"""Settings from environment variables."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from stack.config import environment

HERE = Path("/var/site/db.sqlite3")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("DATABASE_URL", "PGHOST", "PGDATABASE", "PGUSER", "CACHE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_text__an_empty_variable_is_not_set(monkeypatch):
    monkeypatch.setenv("NAME", "")
    assert environment.text("NAME", "default") == "default"


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("no", False)]
)
def test_flag__words(monkeypatch, value, expected):
    monkeypatch.setenv("FLAG", value)
    assert environment.flag("FLAG", default=not expected) is expected


def test_flag__not_set(monkeypatch):
    monkeypatch.delenv("FLAG", raising=False)
    assert environment.flag("FLAG", default=True) is True


def test_flag__anything_else_is_named(monkeypatch):
    monkeypatch.setenv("FLAG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="FLAG must be 1 or 0, not 'maybe'"):
        environment.flag("FLAG", default=True)


def test_listing__strips_and_drops_what_is_empty(monkeypatch):
    monkeypatch.setenv("HOSTS", " a.example, ,b.example,")
    assert environment.listing("HOSTS") == ["a.example", "b.example"]


def test_secret__the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("KEY", "from the variable")
    assert environment.secret("KEY", tmp_path / "none") == "from the variable"


def test_secret__the_file_that_is_named(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("KEY_FILE", str(tmp_path / "key"))
    assert environment.secret("KEY", tmp_path / "none") == "from the file"


def test_secret__the_default_file(tmp_path):
    (tmp_path / "key").write_text("generated\n")
    assert environment.secret("KEY", tmp_path / "key") == "generated"


def test_secret__none_at_all_says_what_to_do(tmp_path):
    with pytest.raises(ImproperlyConfigured, match=r"KEY is not set.*Set KEY, or KEY_FILE"):
        environment.secret("KEY", tmp_path / "none")


def test_secret__an_empty_file_is_none(tmp_path):
    (tmp_path / "key").write_text("\n")
    with pytest.raises(ImproperlyConfigured, match="is empty"):
        environment.secret("KEY", tmp_path / "key")


def test_database__sqlite_by_default():
    assert environment.database(HERE)["NAME"] == HERE


def test_database__sqlite_url(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite:////data/a%20b.sqlite3")
    assert environment.database(HERE)["NAME"] == Path("/data/a b.sqlite3")


def test_database__postgresql_url(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://us%40er:p%2Fw@db.example:5433/shop?sslmode=require")
    database = environment.database(HERE)
    assert {name: database[name] for name in ("ENGINE", "NAME", "HOST", "PORT", "USER", "PASSWORD", "OPTIONS")} == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "HOST": "db.example",
        "PORT": "5433",
        "USER": "us@er",
        "PASSWORD": "p/w",
        "OPTIONS": {"sslmode": "require"},
    }


def test_database__libpq_variables(monkeypatch):
    monkeypatch.setenv("PGHOST", "/run/postgresql")
    monkeypatch.setenv("PGDATABASE", "shop")
    database = environment.database(HERE)
    assert (database["ENGINE"], database["NAME"], database["HOST"]) == ("django.db.backends.postgresql", "shop", "")


@pytest.mark.parametrize("url", ["mysql://user:s3cret@host/name", "postgresql://user:s3cret@host", "s3cret"])
def test_database__a_wrong_url_is_not_shown(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must be") as raised:
        environment.database(HERE)
    assert "s3cret" not in str(raised.value)


def test_database__a_wrong_port(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://host:99999/name")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL has a port that is none"):
        environment.database(HERE)


def test_cache__in_memory_by_default():
    assert environment.cache() == {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


def test_cache__redis(monkeypatch):
    monkeypatch.setenv("CACHE_URL", "redis://cache:6379/1")
    assert environment.cache()["LOCATION"] == "redis://cache:6379/1"


def test_cache__anything_else(monkeypatch):
    monkeypatch.setenv("CACHE_URL", "memcached://cache:11211")
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL must be redis://"):
        environment.cache()
