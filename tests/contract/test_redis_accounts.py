"""The accounts in a real Redis with the stack's files: the site's may all it needs, the others next to nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.backoff import NoBackoff
from redis.retry import Retry

import redis
from stack.provision.secrets import template
from stack.provision.secrets.table import FILES, VALUES
from tests.contract.accounts import REDIS_ACCOUNTS, redis_refused
from tests.integration.services import HOST, held_port, running
from tests.programs import require

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]
USERS = next(file.template for file in FILES if file.path == "redis/users.acl")
PASSWORD = "the-password-of-all-in-this-test"
DEADLINE_SECONDS = 20


class Store:
    """A Redis with the stack's users."""

    def __init__(self, port: int) -> None:
        self.port = port

    def client(self, account: str) -> redis.Redis:
        """Return a connection of an account to database 0."""
        once = Retry(NoBackoff(), 0)
        return redis.Redis(
            HOST,
            self.port,
            username=account,
            password=PASSWORD,
            protocol=2,
            retry=once,
            socket_timeout=DEADLINE_SECONDS,
        )

    def denied(self) -> dict[str, Any]:
        """Return how often somebody was refused something, by what it was."""
        stats = self.client("app").info("stats")
        return {name: stats[name] for name in stats if name.startswith("acl_access_denied")}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The machine's Redis, with redis.conf and the users that `secrets` writes."""
    directory = tmp_path_factory.mktemp("redis")
    program = require("redis-server", "Redis")
    users = template.fill(USERS, dict.fromkeys(VALUES, PASSWORD), None)
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    if re.search(r"v=7\.[01]\.", version):  # which does not know what clients tell of themselves since 7.2
        users = users.replace(" +client|setinfo", "")
    (directory / "users.acl").write_text(users)
    store = Store(held_port())
    configuration = (ROOT / "redis/redis.conf").read_text(encoding="utf-8")
    here = {"/run/secrets/redis": directory, "dir /data": f"dir {directory}", "port 6379": f"port {store.port}"}
    for there, replaced in {**here, "bind * -::*": f"bind {HOST}"}.items():
        assert there in configuration
        configuration = configuration.replace(there, str(replaced))
    (directory / "redis.conf").write_text(configuration)
    command = [program, str(directory / "redis.conf")]

    def answers() -> bool:
        try:
            return bool(store.client("healthcheck").ping())
        except redis.exceptions.ConnectionError:
            return False

    with running(command, directory, answers):
        yield store


#: As MONITOR shows it of version 0.12.2 (kombu 5.5) with a worker: its own queue, of the workers' answers, is a UUID's.
REPLIES = "3f2a7c1e-0b9d-4d4c-8a55-1f2e3d4c5b6a.reply.celery.pidbox"
CELERY_EXPORTER_ASKS = (
    "PING", "SADD _kombu.binding.celeryev x", "LLEN celeryev.3f2a7c1e-0b9d-4d4c-8a55-1f2e3d4c5b6a", "LLEN celery",
    f"LLEN {REPLIES}\x06\x163", "PUBLISH /0.celery.pidbox x", "SADD _kombu.binding.reply.celery.pidbox x",
    f"BRPOP {REPLIES} {REPLIES}\x06\x169 1", f"DEL {REPLIES}", "SREM _kombu.binding.reply.celery.pidbox x",
    "PSUBSCRIBE /0.celeryev/*",
)  # fmt: skip


def test_accounts__are_the_ones_of_this_test() -> None:
    assert {*re.findall(r"^user (\S+) on ", USERS, re.MULTILINE)} == {"app", *REDIS_ACCOUNTS}


def test_account_that_is_not_the_site_s__has_no_way_to_the_cache() -> None:
    """The rule for each account that comes: commands one by one, no database but the first, keys and channels named.

    `broker`, of those that send and watch all tasks, has what is in the first database.
    """
    for line in USERS.splitlines():
        account, _, rules = line.removeprefix("user ").partition(" on ")
        words = re.sub("[()]", " ", rules).split()
        wide = [word for word in words if word in {"~*", "%RW~*", "%W~*", "&*", "allkeys", "allchannels", "nopass"}]
        wide += [word for word in words if word.startswith("+@") or word in {"+select", "allcommands", "+eval"}]
        if account == "broker":
            assert wide == ["~*", "&*", "+@all"], line
            assert {"-@admin", "-@dangerous", "-select", "-move", "-copy"} <= set(words)
        else:
            assert (account in {"app", "default off"}) or (wide == [] and "-@all" in words), line


def test_account_that_is_not_the_site_s__is_refused(store: Store) -> None:
    site = store.client("app")
    site.lpush("celery", "message")
    site.select(1)
    site.set(":1:page", "entry")
    done = []
    for account in REDIS_ACCOUNTS:
        for command in redis_refused(account):
            try:
                store.client(account).execute_command(*command.split(" "))
            except redis.exceptions.NoPermissionError:
                continue
            done.append(f"{account}: {command}")
    assert done == []
    assert (site.get(":1:page"), store.client("app").lrange("celery", 0, -1)) == (b"entry", [b"message"])
    store.client("app").delete("celery")


def test_celery_exporter__is_given_what_it_asks(store: Store) -> None:
    site, exporter = store.client("app"), store.client("celery-exporter")
    site.lpush("celery", "message")
    site.lpush(REPLIES, "an answer")
    before = store.denied()
    answers = [exporter.execute_command(*command.split(" ")) for command in CELERY_EXPORTER_ASKS]
    assert answers[3] == 1
    assert tuple(answers[7]) == (REPLIES.encode(), b"an answer")
    assert store.denied() == before
    assert site.lrange("celery", 0, -1) == [b"message"]
    site.delete("celery")


def test_redis_exporter__has_its_numbers(store: Store) -> None:
    exporter = store.client("exporter")
    for command in ("INFO ALL", "SLOWLOG LEN", "LATENCY LATEST", "LATENCY HISTOGRAM", "CLIENT SETNAME x"):
        assert exporter.execute_command(*command.split(" ")) is not None
