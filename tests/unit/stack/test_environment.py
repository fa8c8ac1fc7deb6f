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
        "OPTIONS": {"sslmode": "require", "server_side_binding": True},
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


@pytest.mark.parametrize(
    ("given", "zone"),
    [
        ("", "UTC"),
        ("Europe/Vienna", "Europe/Vienna"),
        (":Europe/Vienna", "Europe/Vienna"),
        (":/etc/localtime", "UTC"),
        ("/etc/localtime", "UTC"),
    ],
)
def test_time_zone__of_the_variable(monkeypatch, given, zone):
    monkeypatch.setenv("TZ", given)
    assert environment.time_zone("TZ") == zone


@pytest.mark.parametrize("zone", ["Mars/Olympus", "CET-1CEST,M3", "../UTC", "Europe", "a\x1fb"])
def test_time_zone__that_is_none(monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    with pytest.raises(ImproperlyConfigured, match=r"^TZ is .* which is no time zone: name one such as Europe"):
        environment.time_zone("TZ")


def test_cache__in_memory_by_default():
    assert environment.cache() == {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}


def test_cache__redis(monkeypatch):
    monkeypatch.setenv("CACHE_URL", "redis://cache:6379/1")
    cache = environment.cache()
    assert (cache["BACKEND"], cache["LOCATION"]) == ("django_ops.guard.caches.RedisCache", "redis://cache:6379/1")


def test_cache__anything_else(monkeypatch):
    monkeypatch.setenv("CACHE_URL", "memcached://cache:11211")
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL must be redis://"):
        environment.cache()


def test_listing__from_a_file_with_lines(monkeypatch, tmp_path):
    (tmp_path / "keys").write_text("first\nsecond\n")
    monkeypatch.setenv("KEYS_FILE", str(tmp_path / "keys"))
    assert environment.listing("KEYS") == ["first", "second"]


def test_listing__an_empty_file_is_an_empty_list(monkeypatch, tmp_path):
    (tmp_path / "keys").touch()
    monkeypatch.setenv("KEYS_FILE", str(tmp_path / "keys"))
    assert environment.listing("KEYS") == []


def test_given__the_variable_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("URL", "from the variable")
    monkeypatch.setenv("URL_FILE", str(tmp_path / "none"))
    assert environment.given("URL") == "from the variable"


def test_given__neither(monkeypatch):
    assert environment.given("URL") == ""


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read .No such file"), (b"\n", "is empty"), (b"\xff\xfe", "is no text")],
)
def test_given__a_broken_file_is_named(monkeypatch, tmp_path, content, problem):
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    monkeypatch.setenv("URL_FILE", str(tmp_path / "url"))
    with pytest.raises(ImproperlyConfigured, match=f"URL_FILE names .*{problem}"):
        environment.given("URL")


def test_cache__url_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "url").write_text("redis://app:secret@redis:6379/1\n")
    monkeypatch.setenv("CACHE_URL_FILE", str(tmp_path / "url"))
    assert environment.cache()["LOCATION"] == "redis://app:secret@redis:6379/1"


def test_broker__url_from_a_file(monkeypatch, tmp_path):
    (tmp_path / "url").write_text("redis://app:secret@redis:6379/0\n")
    monkeypatch.setenv("CELERY_BROKER_URL_FILE", str(tmp_path / "url"))
    assert environment.broker() == "redis://app:secret@redis:6379/0"


def test_broker__a_wrong_one_is_not_shown(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "s3cret")
    with pytest.raises(ImproperlyConfigured, match="CELERY_BROKER_URL must be a URL") as raised:
        environment.broker()
    assert "s3cret" not in str(raised.value)


@pytest.fixture
def password_file(monkeypatch, tmp_path):
    """libpq's password file, of a database that PGHOST names."""
    path = tmp_path / "pgpass"
    path.write_text("postgres:5432:*:app:with\\:colon\n")
    path.chmod(0o400)
    monkeypatch.setenv("PGHOST", "postgres")
    monkeypatch.setenv("PGPASSFILE", str(path))
    return path


def test_password_file__is_left_to_libpq(password_file):
    assert environment.database(HERE)["PASSWORD"] == ""


def test_password_file__missing(password_file):
    password_file.unlink()
    with pytest.raises(ImproperlyConfigured, match=r"PGPASSFILE names .* cannot be read \(No such file"):
        environment.database(HERE)


@pytest.mark.parametrize("content", ["", "postgres:5432:*:app\n", "postgres:5432:*:app:\n", "s3cret\n"])
def test_password_file__half_written(password_file, content):
    password_file.chmod(0o600)
    password_file.write_text(content)
    with pytest.raises(ImproperlyConfigured, match="has no line host:port:database:user:password") as raised:
        environment.database(HERE)
    assert "s3cret" not in str(raised.value)


def test_password_file__that_libpq_passes_over(password_file):
    password_file.chmod(0o644)
    with pytest.raises(ImproperlyConfigured, match="which others may read"):
        environment.database(HERE)


def test_log_directory__each_machine_has_its_own(monkeypatch):
    monkeypatch.setenv("DJANGO_LOG_DIR", "/var/log/django/web-{hostname}")
    monkeypatch.setattr(environment.socket, "gethostname", lambda: "3f2a")
    assert environment.log_directory(HERE) == Path("/var/log/django/web-3f2a")


def test_memcached__none_by_default(monkeypatch):
    monkeypatch.delenv("MEMCACHED_ADDRESS", raising=False)
    assert environment.memcached() == {}


def test_memcached__where_it_is(monkeypatch):
    monkeypatch.setenv("MEMCACHED_ADDRESS", "memcached:11211")
    assert environment.memcached()["memcached"]["LOCATION"] == "memcached:11211"


def test_memcached__a_missing_account_is_told_at_start(monkeypatch, tmp_path):
    monkeypatch.setenv("MEMCACHED_ADDRESS", "memcached:11211")
    monkeypatch.setenv("MEMCACHED_AUTH_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match="MEMCACHED_AUTH_FILE names"):
        environment.memcached()
