"""The secrets that this very stack generated are found nowhere but in their files."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import docker, wait_for
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: As they are generated: keys of 256 bits, and phrases for people. Hashes look alike, and are no secrets.
SECRET = re.compile(r"\b(?:[0-9a-f]{64}|[a-z0-9]{26})\b")
HASHES = ("/users.acl", "/web.yml")
#: Longer than the time between two health checks.
WATCHED_SECONDS = 12
#: Programs that take a secret from their environment alone, which an entry point reads from the file. Only processes of
#: the same user in the same container, and root of the host, see it there; both can read the file.
ENVIRONMENT_ONLY = {
    "postgres": "POSTGRES_PASSWORD",  # the image's entry point leaves what it read from POSTGRES_PASSWORD_FILE
    "redis": "REDISCLI_AUTH",  # of redis-cli, for the moment of a health check; as an argument all could see it
    "celery-exporter": "CE_BROKER_URL",
    "grafana": "GF_SECURITY_ADMIN_PASSWORD",
    "elasticsearch": "ELASTIC_PASSWORD",
}


@pytest.fixture(scope="module")
def known(running: Stack, probe: Probe) -> dict[str, str]:
    """Each secret, and the file that it is in."""
    files = [file for file in probe.secret_files() if not file.endswith(HASHES)]
    script = 'cd /volumes && for file in "$@"; do printf "%s\\n" "$file"; tr "\\n" " " <"$file"; echo; done'
    lines = docker("exec", probe.name, "sh", "-c", script, "sh", *files).splitlines()
    contents = dict(zip(lines[::2], lines[1::2], strict=True))
    # several services may have one; it is known by its first file
    return {word: file for file, content in reversed(contents.items()) for word in SECRET.findall(content)}


def found_in(text: str, known: dict[str, str]) -> set[str]:
    """Return the files of the secrets that are in a text."""
    return {known[word] for word in SECRET.findall(text) if word in known}


def pids(container: str) -> list[str]:
    """Return the processes of a container, which may end any moment."""
    return docker("top", container, "-eo", "pid", check=False).split()[1:]


def shown_by_processes(containers: dict[str, str], known: dict[str, str], seconds: float) -> Iterator[str]:
    """Watch processes come and go for some time; say which of them shows a secret, and in what."""
    deadline = time.monotonic() + seconds
    environments: set[str] = set()
    while time.monotonic() < deadline:
        for name, identity in containers.items():
            for pid in pids(identity):
                for kind in ("cmdline",) if pid in environments else ("cmdline", "environ"):
                    for item in read(pid, kind).split("\0"):
                        variable = item.partition("=")[0] if kind == "environ" else "an argument"
                        if found_in(item, known) and variable != ENVIRONMENT_ONLY.get(name):
                            yield f"{name}: {variable}: {', '.join(found_in(item, known))}"
                environments.add(pid)


def read(pid: str, kind: str) -> str:
    """Return a file of /proc; empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/{kind}").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def ids(stack: Stack, *, running: bool) -> dict[str, str]:
    """Return the containers by service."""
    return {
        name: item["Id"]
        for name, items in stack.containers().items()
        for item in items
        if item["State"]["Running"] or not running
    }


def test_secrets__are_known(stack: Stack, known: dict[str, str]) -> None:
    """As many different ones as were generated; else the tests below would look for nothing."""
    assert len(known) >= 20
    assert {"secrets-django/secret-key", "secrets-postgres/password"} <= set(known.values())


def test_inspect__shows_none(stack: Stack, known: dict[str, str]) -> None:
    assert found_in(docker("inspect", *ids(stack, running=False).values()), known) == set()


def test_images__show_none(stack: Stack, known: dict[str, str]) -> None:
    images = {items[0]["Config"]["Image"] for items in stack.containers().values()}
    for image in images:
        assert found_in(docker("history", "--no-trunc", image) + docker("image", "inspect", image), known) == set()


def test_processes__show_none(stack: Stack, known: dict[str, str]) -> None:
    assert set(shown_by_processes(ids(stack, running=True), known, WATCHED_SECONDS)) == set()


def test_containers_logs__have_none(stack: Stack, known: dict[str, str]) -> None:
    """Also of what is said while a store is away: addresses with passwords in them, variables in tracebacks."""
    for store in ("redis", "postgres"):
        stack.compose("kill", store)
        stack.compose("start", store)
    stack.wait_healthy()
    text = stack.compose("--profile", "*", "logs", "--no-color", timeout=120)
    assert len(text.stdout) > 1000
    assert found_in(text.stdout + text.stderr, known) == set()


def log_files(probe: Probe) -> str:
    """Return all that is in the files of logs."""
    script = "cd /volumes && find *-logs -type f -exec cat {} +"
    return docker("exec", probe.name, "sh", "-c", script, timeout=60)


def test_log_files__have_none(stack: Stack, probe: Probe, known: dict[str, str]) -> None:
    text = log_files(probe)
    assert text.count("\n") > 10
    # the metrics token and the administrator's password were sent through nginx by other tests
    assert found_in(text, known) == set()


def test_process_with_a_secret__is_seen(stack: Stack, known: dict[str, str]) -> None:
    """In inspect, in its environment, in its arguments and in its log: the same eyes, and something to see."""
    secret, file = next(iter(known.items()))
    image = stack.container("web")["Config"]["Image"]
    code = "import sys, time; print(sys.argv[1], flush=True); time.sleep(60)"
    command = ("-e", f"CANARY={secret}", "--entrypoint=python", image, "-c", code, secret)
    identity = docker("run", "-d", "--network=none", *command).strip()
    try:
        wait_for("its log", lambda: found_in(docker("logs", identity), known) == {file}, 20)
        assert found_in(docker("inspect", identity), known) == {file}
        shown = set(shown_by_processes({"sample": identity}, known, 0.5))
        assert shown == {f"sample: CANARY: {file}", f"sample: an argument: {file}"}
    finally:
        docker("rm", "-f", identity)


def sent_in_every_way(visitor: Visitor, canary: str) -> Iterable[int]:
    """Send a secret wherever browsers and scripts send one, and return the answers' statuses."""
    page = {"Referer": f"http://127.0.0.1/password/reset/?token={canary}"}
    yield visitor.request(f"/?token={canary}&page=1").status
    yield visitor.request(f"/servers.json?api_key={canary}", headers=page).status
    yield visitor.request("/", headers={"Authorization": f"Bearer {canary}", "X-Api-Key": canary}).status
    yield visitor.request("/", headers={"Cookie": f"sessionid={canary}; csrftoken={canary}"}).status
    yield visitor.post("/admin/login/", {"username": "admin", "password": canary}).status
    yield visitor.request("/nothing/", "POST", {"password": canary, "csrfmiddlewaretoken": canary}).status


def test_what_visitors_send__is_in_no_log(stack: Stack, probe: Probe, visitor: Visitor) -> None:
    canary = secrets.token_hex(32)
    assert all(status for status in sent_in_every_way(visitor, canary))
    marker = visitor.request("/livez/../report/").request_id
    wait_for("the last request's line", lambda: marker in log_files(probe), 10)
    assert canary not in log_files(probe)
    assert canary not in stack.compose("--profile", "*", "logs", "--no-color", timeout=120).stdout
    if "elasticsearch" in stack.services:
        assert_not_shipped(probe, canary, marker)


def assert_not_shipped(probe: Probe, canary: str, marker: str) -> None:
    """Assert that Elasticsearch does not have a word, once it has a later request."""

    def hits(word: str) -> int:
        probe.refresh()
        answer = probe.search(
            {"size": 1, "query": {"query_string": {"query": f'"{word}"', "fields": ["*"], "lenient": True}}}
        )
        return int(answer["hits"]["total"]["value"])

    wait_for("the last request in Elasticsearch", lambda: hits(marker), 60, 1)
    assert hits(canary) == 0
