"""Who has one account of a store gets no further: tried with each, from inside, while somebody uses the site."""

from __future__ import annotations

import hashlib
import json
import secrets
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.accounts import POSTGRES_REFUSED, POSTGRES_STATEMENTS, REDIS_ACCOUNTS, redis_refused
from tests.e2e.commands import docker, run, wait_for
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: Runs with an account and commands: prints which of them Redis does not refuse.
ASK_REDIS = """
import json, redis, sys
account, password, commands = json.loads(sys.argv[1])
done = []
for command in commands:
    try:
        redis.Redis("redis", username=account, password=password, protocol=2).execute_command(*command.split(" "))
        done.append(command)
    except redis.exceptions.NoPermissionError:
        pass
print(json.dumps(done))
"""
#: Puts a pickle that makes /tmp/ran where it is read under a key of each cache, as whoever has the site's accounts can.
PLANT = """
import os
from django.conf import settings
from django.core.cache import caches
class Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/ran",)
for alias, entry in settings.CACHES.items():
    backend = {"default": "redis.RedisCache", "memcached": "memcached.PyMemcacheCache"}[alias]
    ours = caches[alias]
    key = ours.make_key("planted")
    if alias == "default":
        from django.core.cache.backends.redis import RedisSerializer
        ours._cache.get_client(write=True).set(key, RedisSerializer().dumps(Bomb()))
    else:
        import pickle
        server = next(iter(ours._cache.clients.values()))
        assert server.raw_command(b"set %s 1 60 %d\\r\\n%s" % (key.encode(), len(data := pickle.dumps(Bomb())), data))
print("planted")
"""
READ = """
import os
from django.conf import settings
from django.core.cache import caches
print({alias: caches[alias].get("planted", "not there") for alias in settings.CACHES}, os.path.exists("/tmp/ran"))
"""
#: What Django's own caches do with it, so that the bomb is known to be one.
READ_AS_DJANGO = """
import os
from django.core.cache import caches
from django.core.cache.backends.redis import RedisSerializer
RedisSerializer().loads(caches["default"]._cache.get_client().get(caches["default"].make_key("planted")))
print(os.path.exists("/tmp/ran"))
os.remove("/tmp/ran")
"""


def in_web(stack: Stack, script: str, *, check: bool = True) -> str:
    """Return what a script prints in the site's own container, with its settings. Raises CommandFailed with `check`."""
    text = f"import django\ndjango.setup()\n{textwrap.dedent(script)}"
    return docker("exec", "-i", stack.id("web"), "python", "-", text=text, timeout=60, check=check)


@pytest.mark.parametrize("account", REDIS_ACCOUNTS)
def test_redis__refuses_an_account_of_others(stack: Stack, probe: Probe, account: str) -> None:
    # a password, or a URL with one
    password = probe.secret(REDIS_ACCOUNTS[account]).partition("@")[0].rpartition(":")[2]
    question = json.dumps([account, password, ["PING", *redis_refused(account)]])
    done = json.loads(docker("exec", "-i", probe.name, "python", "-", question, text=ASK_REDIS))
    assert done == ["PING"]


def test_cache__does_not_run_what_somebody_put_there(stack: Stack, visitor: Visitor) -> None:
    assert in_web(stack, PLANT) == "planted\n"
    assert in_web(stack, READ) == "{'default': 'not there', 'memcached': 'not there'} False\n"
    assert visitor.request("/").status == 200
    assert in_web(stack, READ_AS_DJANGO) == "True\n"


#: Asks workers all that can be asked, and looks for what the site's files of secrets hold.
ASK_WORKERS = """
from pathlib import Path
from celery.worker.control import Panel
from stack.config.celery import app
files = Path("/run/secrets/django").iterdir()
words = {word for path in files for word in re.findall("[0-9a-z]{26,}", path.read_text())}
asked = [name for name, meta in Panel.meta.items() if meta.type == "inspect" and not meta.args]
ask = lambda name: app.control.broadcast(name, reply=True, timeout=10, limit=1)
told = {name: str(ask(name)) for name in [*asked, "conf", "dump_conf"]}
assert words and all("ok" in told[name] or "celery@" in told[name] for name in ("ping", "stats")), told
print([name for name, text in told.items() if any(word in text for word in words)])
"""


def test_worker__tells_nobody_the_site_s_passwords(stack: Stack) -> None:
    """Whoever may send to the workers is told their configuration: Flower's pages show it, the exporter may ask."""
    assert in_web(stack, "import re\n" + ASK_WORKERS) == "[]\n"


def as_exporter(*statements: str) -> list[dict[str, Any]]:
    """Return questions to PostgreSQL as the exporter's role."""
    who = {"kind": "sql", "host": "postgres", "dbname": "app", "user": "exporter"}
    return [{**who, "password_file": "secrets-postgres/exporter-password", "query": it} for it in statements]


@pytest.fixture
def marker() -> str:
    """What is in no other run."""
    return f"marker{secrets.token_hex(6)}"


@pytest.fixture
def slow(stack: Stack, probe: Probe, marker: str) -> Iterator[None]:
    """The site runs a slow statement with the marker in its text, and another with the marker as a value."""
    execute = "from django.db import connection\nconnection.cursor().execute"
    scripts = [
        f"{execute}('SELECT pg_sleep(300), %s::text', ['{marker}'])",
        f"{execute}(\"SELECT pg_sleep(300), 'text-{marker}'\")",
    ]
    running = [threading.Thread(target=in_web, args=(stack, it), kwargs={"check": False}) for it in scripts]
    for thread in running:
        thread.start()
    ours = "FROM pg_stat_activity WHERE usename = 'app' AND query LIKE 'SELECT pg_sleep%'"
    wait_for("both statements", lambda: len(probe.sql(f"SELECT query {ours}", "app")) == 2, 30)
    yield
    probe.sql(f"SELECT pg_terminate_backend(pid) {ours}", "app")
    for thread in running:
        thread.join(120)


@pytest.mark.usefixtures("slow")
def test_postgres__shows_the_exporter_nothing_of_others(
    stack: Stack, probe: Probe, admin: Visitor, marker: str
) -> None:
    """While an administrator is at work: no session's key in cookie or table, no address, no statement."""
    cookie = admin.cookies["sessionid"].value
    stored = {row[0] for row in probe.sql("SELECT session_key FROM django_session", "app")}
    users = {value for row in probe.sql("SELECT password, email FROM auth_user", "app") for value in row if value}
    hidden = {marker, cookie, *stored, *users}
    assert admin.request("/admin/").status == 200
    answers = probe.ask(*as_exporter(*POSTGRES_STATEMENTS), timeout=120)
    assert any("rows" in answer for answer in answers)
    assert {word for word in hidden if any(word in str(answer) for answer in answers)} == set()
    superuser = str(probe.sql("SELECT query FROM pg_stat_activity WHERE usename = 'app'", "app"))
    assert f"text-{marker}" in superuser, "a marker that nobody can see proves nothing"
    assert superuser.count(marker) == 1, "the other is a value, which is not in the statement"
    assert cookie not in superuser
    refused = probe.ask(*as_exporter(*POSTGRES_REFUSED, "SELECT * FROM public.django_session"), timeout=120)
    assert [answer for answer in refused if "InsufficientPrivilege" not in str(answer.get("error"))] == []


def test_session__is_not_opened_by_what_the_table_shows(stack: Stack, probe: Probe, admin: Visitor) -> None:
    cookie = admin.cookies["sessionid"].value
    stored = {row[0] for row in probe.sql("SELECT session_key FROM django_session", "app")}
    assert cookie not in stored
    assert hashlib.sha256(cookie.encode()).hexdigest()[:40] in stored
    thief = Visitor(stack.port)
    for key in stored:
        thief.cookies["sessionid"] = key
        assert thief.request("/admin/").status == 302
    assert admin.request("/admin/").status == 200


def test_log_of_postgres__has_no_value(stack: Stack, probe: Probe, marker: str) -> None:
    """Of a statement that fails, of one that is slow, and of one that somebody typed with the value in it."""
    script = f"""
        from django.contrib.auth.models import User
        from django.db import IntegrityError, connection
        try:
            User.objects.create(username="admin", email="{marker}@example.com", password="{marker}")
        except IntegrityError:
            connection.cursor().execute("SELECT pg_sleep(1.2), %s::text", ["{marker}"])
            print("done")
        """
    assert in_web(stack, script) == "done\n"
    with pytest.raises(AssertionError, match="UndefinedTable"):
        probe.sql(f"SELECT '{marker}' FROM nowhere", "app")

    def log() -> str:
        text = run("docker", "logs", "--since", "5m", stack.id("postgres"), timeout=60).stderr
        return text if "duplicate key value" in text and "SELECT pg_sleep(1.2), $1" in text else ""

    assert marker not in wait_for("the lines of both statements", log, 30)
