"""Secrets: generated once, readable by their readers alone, never shown, and replaced while the site runs."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess

import pytest

from tests.e2e.commands import ROOT, docker, run
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Load, Visitor, summary

PAGE = (ROOT / "docs/how-to/rotate-secrets.md").read_text(encoding="utf-8")
#: volume -> (user, files), as the page has them.
TABLE = {
    name: (user, set(re.findall(r"`([^`]+)`", files)))
    for name, user, files in re.findall(r"(?m)^\| `(secrets-[\w-]+)` \| ([\d:]+) \| (.*) \|$", PAGE)
}
#: Shorter ones, or names, would be found by chance.
SECRET = re.compile(r"[A-Za-z0-9_./$-]{20,}")


def hashes(probe: Probe) -> dict[str, str]:
    """Return the SHA-256 of each file in the volumes of secrets."""
    found = docker("exec", probe.name, "sh", "-c", "cd /volumes && find secrets-* -type f -exec sha256sum {} +")
    return {name: value for value, name in map(str.split, found.splitlines())}


def make(stack: Stack, name: str) -> subprocess.CompletedProcess[str]:
    """Run the documented command for this stack's project."""
    command = f"make secrets-rotate NAME={name}"
    assert f"`{command}`" in PAGE or f"$ {command}\n" in PAGE
    environment = {**stack.environment, "COMPOSE_PROJECT_NAME": stack.project}
    return run(*command.split(), timeout=180, environment=environment)


def test_up__for_a_second_time_changes_no_secret(stack: Stack, probe: Probe) -> None:
    before = hashes(probe)
    stack.up()
    assert hashes(probe) == before
    assert len(before) >= 40


def test_volumes__have_the_files_and_the_user_of_the_page(probe: Probe) -> None:
    script = 'cd /volumes && for volume in "$@"; do (cd "$volume" && stat -c "$volume %n %a %u:%g" . *); done; true'
    listed = docker("exec", probe.name, "sh", "-c", script, "sh", *TABLE)
    found: dict[str, set[tuple[str, ...]]] = {}
    for volume, *file in map(str.split, listed.splitlines()):
        found.setdefault(volume, set()).add(tuple(file))
    expected = {}
    for volume, (user, files) in TABLE.items():
        given_by_people = volume == "secrets-tls"
        names = set() if given_by_people else files
        expected[volume] = {(".", "700", user), *((name, "400", user) for name in names)}
    assert found == expected


#: Whose data was whose, before each service had a user of its own: by volume, the service and its former user.
FORMER = {
    "redis-data": ("redis", "999:1000"),
    "flower-data": ("flower", "10001:10001"),
    "alertmanager-data": ("alertmanager", "65534:65534"),
    "filebeat-data": ("filebeat", "1000:10001"),
    "kibana-data": ("kibana", "1000:0"),
}


def test_upgrade__gives_data_to_the_new_users_and_keeps_it(stack: Stack, probe: Probe) -> None:
    probe.redis("SET kept yes")
    services = [service for service, _ in FORMER.values() if service in stack.services]
    stack.compose("stop", *services, timeout=120)
    for volume, (_, user) in FORMER.items():
        in_volume(stack, f"chown -R {user} .", volume)
    stack.up()
    assert "\r\nyes\r\n" in probe.redis("GET kept")
    for volume, (_, user) in FORMER.items():
        left = docker("exec", probe.name, "find", f"/volumes/{volume}", "-user", user.partition(":")[0])
        assert left == "", volume


def test_page__tells_of_all_volumes(probe: Probe) -> None:
    assert {name for name in probe.stack.volumes() if name.startswith("secrets-")} == TABLE.keys()


@pytest.fixture(scope="module")
def values(probe: Probe) -> set[str]:
    """Everything in the secret files that is long enough to be one."""
    return {value for path in probe.secret_files() for value in SECRET.findall(probe.read(path))}


def shown(text: str, values: set[str]) -> list[str]:
    """Return a hash of each secret in the text: the secret itself would be shown by the test's report."""
    return [hashlib.sha256(value.encode()).hexdigest()[:8] for value in values if value in text]


def test_secret__that_is_shown_would_be_found(probe: Probe, values: set[str]) -> None:
    assert len(values) > 30
    assert shown(f"the key is {probe.secret('secrets-django/secret-key')}.", values)
    assert shown(probe.read("secrets-django/redis-url"), values)


def test_secret__is_in_no_log(stack: Stack, probe: Probe, values: set[str]) -> None:
    Visitor(stack.port).sign_in(probe.secret("secrets-django/admin-password"))
    stack.up()
    for service, containers in stack.containers().items():
        for container in containers:
            log = run("docker", "logs", container["Id"])
            assert shown(log.stdout + log.stderr, values) == [], service
    files = "cat /volumes/*-logs/*/*.jsonl /volumes/nginx-logs/*.jsonl"
    written = docker("exec", probe.name, "sh", "-c", files)
    assert '"/admin/login/"' in written
    assert shown(written, values) == []


def test_secret__is_in_no_configuration_or_process(stack: Stack, values: set[str]) -> None:
    assert shown(stack.compose("--profile", "*", "config").stdout, values) == []
    for service, containers in stack.containers().items():
        for container in containers:
            assert shown(json.dumps(container), values) == [], service
            if container["State"]["Running"]:
                assert shown(docker("top", container["Id"], "-eo", "pid,args"), values) == [], service


def test_administrator__signs_in_with_what_the_page_s_command_shows(stack: Stack) -> None:
    command = re.search(r"(?m)^\$ docker compose (exec) (web cat \S+)$", PAGE)
    assert command
    password = stack.compose(command[1], "-T", *command[2].split()).stdout.strip()
    Visitor(stack.port).sign_in(password)


@pytest.fixture
def signed_in(admin: Visitor) -> Visitor:
    """Somebody with a session from before the test."""
    assert admin.request("/admin/").status == 200
    return admin


def test_django_key__is_rotated_and_sessions_stay(stack: Stack, probe: Probe, signed_in: Visitor) -> None:
    old = probe.secret("secrets-django/secret-key")
    told = make(stack, "django-secret-key")
    stack.wait_healthy()
    new = probe.secret("secrets-django/secret-key")
    assert new != old
    assert probe.read("secrets-django/secret-key-fallbacks").split()[0] == old
    assert signed_in.request("/admin/").status == 200
    read = "from django.conf import settings; import hashlib;"
    script = f"{read} print(hashlib.sha256(settings.SECRET_KEY.encode()).hexdigest())"
    assert stack.exec("web", "python", "-c", script).strip() == hashlib.sha256(new.encode()).hexdigest()
    assert shown(told.stdout + told.stderr, {old, new}) == []
    Visitor(stack.port).sign_in(probe.secret("secrets-django/admin-password"))


def test_django_key__that_is_forgotten_ends_sessions(stack: Stack, probe: Probe, signed_in: Visitor) -> None:
    make(stack, "django-secret-key")
    commands = re.findall(r"(?m)^\$ docker compose (run --rm -T secrets forget-old-keys|restart web .*)$", PAGE)
    for command in commands:
        stack.compose(*command.split(), timeout=180)
    stack.wait_healthy()
    assert probe.read("secrets-django/secret-key-fallbacks") == ""
    assert signed_in.request("/admin/").status == 302
    assert len(commands) == 2


def in_volume(stack: Stack, script: str, volume: str = "secrets-django") -> None:
    """Run a shell script in a volume, as root."""
    image = stack.config["services"]["web"]["image"]
    mount = f"{stack.project}_{volume}:/volume"
    options = ("--rm", "--network=none", "--user=0:0", "--workdir=/volume", "-v", mount, "--entrypoint=sh")
    docker("run", *options, image, "-c", script)


def opens(probe: Probe, pgpass: str) -> bool:
    """Tell whether the database accepts the password of a password file."""
    host, _, _, user, password = pgpass.strip().split(":")
    question = {"kind": "sql", "host": host, "dbname": "app", "user": user, "password": password, "query": "SELECT 1"}
    return probe.ask(question)[0].get("rows") == [["1"]]


def test_database_password__is_rotated_under_load(
    stack: Stack, probe: Probe, admin: Visitor, report: dict[str, list[str]]
) -> None:
    old = probe.read("secrets-django/pgpass")
    with Load(stack.port, admin) as load:
        told = make(stack, "database-password")
    report.setdefault("figures", []).append(f"database password rotated under load: {summary(load.answers)}")
    new = probe.read("secrets-django/pgpass")
    assert (opens(probe, old), opens(probe, new), new == old) == (False, True, False)
    assert {probe.read(f"secrets-{group}/pgpass") for group in ("worker", "migrate")} == {new}
    assert load.failures == []
    assert shown(told.stdout + told.stderr, set(SECRET.findall(old + new))) == []
    stack.up()
    assert probe.read("secrets-django/pgpass") == new
    docker("restart", stack.id("web"), timeout=90)
    stack.wait_healthy()
    assert admin.request("/admin/").status == 200


@pytest.mark.parametrize("after", ["the new one was stored", "the database was told"])
def test_database_password__is_completed_after_an_interruption(stack: Stack, probe: Probe, after: str) -> None:
    if after == "the new one was stored":
        following = probe.read("secrets-django/pgpass").rpartition(":")[0] + ":" + "n" * 40 + "\n"
        in_volume(stack, f"umask 377; printf '{following}' > pgpass-next; chown 10001:10001 pgpass-next")
    else:
        in_volume(stack, "cp -p pgpass old")
        make(stack, "database-password")
        in_volume(stack, "mv pgpass pgpass-next; mv old pgpass")
        assert not opens(probe, probe.read("secrets-django/pgpass"))
        following = probe.read("secrets-django/pgpass-next")
    make(stack, "database-password")
    assert probe.read("secrets-django/pgpass") == following
    assert opens(probe, following)
    assert not [path for path in probe.secret_files() if path.endswith("-next")]
    assert {probe.read(f"secrets-{group}/pgpass") for group in ("worker", "migrate")} == {following}
    stack.up()
    assert Visitor(stack.port).request("/servers.json").status == 200


def test_flower_password__is_rotated(stack: Stack, probe: Probe) -> None:
    _, old = probe.secret("secrets-django/flower-auth").split(":")
    make(stack, "flower-password")
    stack.wait_healthy()
    _, new = probe.secret("secrets-django/flower-auth").split(":")
    url = "http://flower:5555/ops/flower/workers"
    assert [probe.http(url, user="admin", password=password).get("status") for password in (old, new)] == [401, 200]


def test_rotation__of_an_unknown_name_changes_nothing(stack: Stack, probe: Probe) -> None:
    before = hashes(probe)
    command = ("make", "secrets-rotate", "NAME=databse-password")
    environment = {**stack.environment, "COMPOSE_PROJECT_NAME": stack.project}
    ended = run(*command, check=False, timeout=60, environment=environment)
    assert ended.returncode != 0
    assert "secrets: No secret 'databse-password' can be rotated. There are: django-secret-key" in ended.stderr
    assert hashes(probe) == before
