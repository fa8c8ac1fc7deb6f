"""The commands of the runbooks and of the page about the stack, as they are written, against the running stack."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.e2e.commands import ROOT, patient, wait_for
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack

#: Those of other how-tos are run by tests that read them: test_secrets.py, test_logs_rsyslog.py, test_your_project.py.
PAGES = [*sorted((ROOT / "docs/runbooks").glob("*.md")), ROOT / "docs/how-to/compose.md"]
COMMAND_SECONDS = 120

#: What is not run, and why. A command that stands in no page any more is to be removed here.
NOT_RUN = {
    "docker image prune --all --filter until=168h": "would remove images of others on this machine",
    "docker builder prune": "asks, and would remove what other builds need",
    "docker compose exec worker celery -A stack.config purge": "asks, and forgets what waits",
    "docker compose up -d <service>": "a form: the same with each name is run on other pages",
    "docker compose up -d --force-recreate <service> prometheus": "a form",
    "docker compose up -d --scale worker=2": "more memory than this machine may have, beside other tests",
    "docker compose up -d --scale web=2": "the same",
    "WEB_CONCURRENCY=4 docker compose up -d web": "the same",
    "docker compose up -d --force-recreate nginx": "refuses connections for a second, while other tests wait for none",
    "docker compose up -d --force-recreate web worker prometheus": "test_restart.py replaces them, under load",
    "git clone ... && cd django-ops": "a form",
    "docker compose up --wait": "this stack was started so, patiently: it gives up where a machine is busy",
    "docker compose up -d --wait": "the same",
    "COMPOSE_PROFILES= docker compose up --wait": "test_full_volumes.py and others start the core alone",
    "COMPOSE_PROFILES=metrics docker compose up --wait": "the same with one profile more",
    "HTTP_PORT=8081 docker compose up --wait": "would publish what this run has not claimed",
    "docker compose run --rm -T secrets set tls-certificate < fullchain.pem": "test_tls.py",
    "docker compose run --rm -T secrets set tls-key < privkey.pem": "test_tls.py",
    "docker compose -f compose.yml -f compose.tls.yml up --wait": "test_tls.py",
    "docker compose run --rm -T secrets set smtp-password": "waits for a password; test_secrets_rotation.py gives one",
    "docker compose build nginx": "the images of this run have been built; test_build.py",
    "docker compose build": "the same",
    "docker image rm django-ops/app:VERSION django-ops/nginx:VERSION": "a form",
    "docker compose logs NAME": "a form",
    "docker compose restart web": "test_restart.py",
    "docker compose restart nginx": "refuses connections for a second, as above",
    "docker compose stop": "what it does to each is in test_restart.py and test_kill.py",
    "docker compose down": "ends this stack: its fixture does it at the end",
    "docker compose down --volumes": "the same",
    "du -xh --max-depth 2 /var/lib/docker/volumes | sort -h | tail": "reads the whole disk of the machine",
}
#: What a reader writes in the place of these words.
WORDS = {"STACK_HASH": "runbook-stack-hash", "REQUEST_ID": "runbook-request-id"}


class Step(NamedTuple):
    """A command of a page."""

    page: str
    command: str
    is_sql: bool = False


def steps() -> Iterator[Step]:
    """Yield what is to be typed: blocks for the shell and for PostgreSQL, and commands within sentences."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for indent, language, block in re.findall(r"(?ms)^( *)```(console|sql)\n(.*?)^ *```", text):
            lines = re.sub(rf"(?m)^{indent}", "", block)
            if language == "sql":
                yield Step(page.name, lines, is_sql=True)
            else:
                found = re.findall(r"(?m)^\$ ((?:.*\\\n)*.*)$", lines)
                yield from (Step(page.name, re.sub(r" +# .*$", "", it)) for it in found)
        prose = re.sub(r"(?ms)^ *```.*?^ *```", "", text)
        for code in re.findall(r"`([^`]+)`", prose):
            words = " ".join(code.split())
            if re.match(r"([A-Z_]+=\S+ )?docker |\w+ .*/var/lib/docker", words):
                yield Step(page.name, words)
            elif words.startswith("SELECT "):
                yield Step(page.name, words, is_sql=True)


STEPS = list(steps())


def shell(stack: Stack, command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as its reader does, in the folder with compose.yml, but without a terminal."""
    for word, value in WORDS.items():
        command = command.replace(word, value)
    command = re.sub(r"docker compose (exec|run) ", r"docker compose \1 -T ", command)
    return subprocess.run(
        ["bash", "-c", command],
        cwd=stack.folder,
        env=stack.shell_environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=patient(COMMAND_SECONDS),
        check=False,
    )


def prompt(stack: Stack, statements: str) -> subprocess.CompletedProcess[str]:
    """Type SQL at the prompt that README.md tells of."""
    (command,) = (step.command for step in STEPS if "psql" in step.command)
    return shell(stack, command.replace(" app'", " app -v ON_ERROR_STOP=1'"), statements)


@pytest.fixture(scope="module")
def failure(running: Stack) -> None:
    """A line with the words that the pages look for."""
    line = json.dumps({"error": {"stack_hash": WORDS["STACK_HASH"]}, "http": {"request": {"id": WORDS["REQUEST_ID"]}}})
    folder = f"/var/log/django/runbooks-{secrets.token_hex(4)}"
    running.exec("web", "sh", "-c", f'mkdir {folder} && echo "$0" > {folder}/django.0.jsonl', line)


def trouble(step: Step, ended: subprocess.CompletedProcess[str]) -> str:
    """Say what is wrong with how a command ended; "" for nothing. `grep` that finds nothing ends with 1."""
    is_empty_search = "grep" in step.command and ended.returncode == 1 and not ended.stdout
    is_done = ended.returncode == 0 or is_empty_search
    complaint = re.search(
        r"(?im)^.*(no such file|not found|cannot|permission denied|unknown|usage:|error:).*$", ended.stderr
    )
    return "" if is_done and complaint is None else f"{step.page}: {step.command}\n{ended}"


def test_commands__work(stack: Stack, failure: None) -> None:
    run = [step for step in dict.fromkeys(STEPS) if step.command not in NOT_RUN]
    ended = [(step, prompt(stack, step.command) if step.is_sql else shell(stack, step.command)) for step in run]
    assert [found for step, it in ended if (found := trouble(step, it))] == []
    outputs = {step.command: it.stdout for step, it in ended}
    assert all(words in "".join(outputs.values()) for words in (*WORDS.values(), "oom_kill", "nginx"))


def test_commands__that_are_not_run_are_there() -> None:
    assert set(NOT_RUN) - {step.command for step in STEPS} == set()


def test_statement_that_takes_long__is_the_first(stack: Stack, probe: Probe) -> None:
    """As RequestsSlow.md asks for it, among connections that do nothing and processes that never had a statement."""
    (statement,) = (step.command for step in STEPS if step.page == "RequestsSlow.md" and step.is_sql)
    sleeping = probe.sql_question("SELECT pg_sleep(600)", "app")
    ender = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"
    asking = threading.Thread(target=probe.ask, args=(sleeping,), kwargs={"timeout": 600})
    asking.start()
    try:
        rows = wait_for(
            "the statement", lambda: [row for row in prompt(stack, statement).stdout.splitlines() if "|" in row][1:], 30
        )
        assert "pg_sleep(600)" in rows[0]
        assert [row for row in rows if re.search(r"\|\s*(idle)?\s*\|", row)] == []
    finally:
        probe.sql(ender)
        asking.join()
