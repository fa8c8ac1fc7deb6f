"""Each container is killed in turn while the site is used: it comes back by itself, and nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

from tests.contract.containers import project
from tests.e2e.commands import docker, wait_for
from tests.e2e.lines import field, in_files, request_ids, wait_shipped
from tests.e2e.probe import Probe
from tests.e2e.stack import RECOVERY_SECONDS, Stack, state_of
from tests.e2e.visitor import Answer, Load, Visitor, summary

_PROJECT = project.load()
LONG_RUNNING = [name for name, _ in _PROJECT.services if name not in _PROJECT.one_shots]
#: A line is written once the last byte of the answer has left: who is killed in between has answered without a line.
LINE_SECONDS = 0.1
TASKS = 5
#: Two cores start everything at once, and Elasticsearch is not quick.
ALL_SECONDS = 300

Report = dict[str, list[str]]


def kill(container: dict[str, Any]) -> float:
    """Kill a container's first process, and with it all others, as the kernel does when memory is short."""
    os.kill(container["State"]["Pid"], signal.SIGKILL)
    return time.time()


def is_back(stack: Stack, service: str, before: dict[str, Any]) -> bool:
    """Tell whether a container was started anew since `before`, and is healthy."""
    now = stack.container(service)
    assert now["Id"] == before["Id"]
    return now["RestartCount"] > before["RestartCount"] and state_of(now) == "healthy"


def kill_under_load(stack: Stack, writer: Visitor, service: str) -> tuple[Load, float, float]:
    """Kill a service under load. Return the load, the time of the kill, and the seconds until all was well again."""
    before = stack.container(service)
    with Load(stack.port, writer=writer) as load:
        killed_at = kill(before)
        wait_for(f"{service} to be healthy", lambda: is_back(stack, service, before), 2 * RECOVERY_SECONDS)
        healthy_at = time.time()
        wait_for("a read", lambda: load.served_after(healthy_at), RECOVERY_SECONDS)
        wait_for("a write", lambda: any(answer.began_at > healthy_at for _, answer in load.acknowledged), 60)
        took_seconds = time.time() - killed_at
    return load, killed_at, took_seconds


def missing_writes(probe: Probe, load: Load) -> set[str]:
    """Return the acknowledged writes that are not in the database."""
    names = ", ".join(f"'{name}'" for name, _ in load.acknowledged)
    stored = probe.sql(f"SELECT name FROM inventory_tag WHERE name IN ({names})", "app")
    return {name for name, _ in load.acknowledged} - {name for (name,) in stored}


def must_have_lines(load: Load, killed_at: float) -> list[Answer]:
    """Return the answers of the site, but for those that came in the moment of the kill."""
    answered = [answer for answer in load.answers if answer.status in (200, 302)]
    return [answer for answer in answered if not killed_at - LINE_SECONDS < answer.ended_at < killed_at + LINE_SECONDS]


def missing_lines(probe: Probe, directory: str, dataset: str, answers: list[Answer]) -> set[str]:
    """Return the ids of requests without a line."""
    return {answer.request_id for answer in answers} - set(request_ids(in_files(probe, directory), dataset))


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_killed_container__comes_back_and_nothing_is_lost(
    stack: Stack, probe: Probe, admin: Visitor, report: Report, service: str
) -> None:
    load, killed_at, took_seconds = kill_under_load(stack, admin, service)
    report.setdefault("killed with -9", []).append(
        f"{service}: {took_seconds:.0f} s; {len(load.failures)} failed of {summary(load.answers)}"
    )
    assert took_seconds < RECOVERY_SECONDS
    assert missing_writes(probe, load) == set()
    answers = must_have_lines(load, killed_at)
    assert len(answers) > 10
    assert missing_lines(probe, "nginx-logs", "nginx.access", answers) == set()
    assert missing_lines(probe, "app-logs", "django.request", answers) == set()
    if "elasticsearch" in stack.services:
        ids = [answer.request_id for answer in answers]
        assert set(wait_shipped(probe, "nginx.access", ids).values()) == {1}
        wait_shipped(probe, "django.request", ids)


def test_task__that_was_accepted_survives_a_kill_of_the_broker(stack: Stack, probe: Probe, admin: Visitor) -> None:
    def done(ids: list[str]) -> list[str]:
        lines = [line for line in in_files(probe, "app-logs") if field(line, "event.dataset") == "django.task"]
        return [field(line, "http.request.id") for line in lines if field(line, "http.request.id") in ids]

    worker, redis = stack.id("worker"), stack.container("redis")
    docker("pause", worker)
    try:
        sent = [admin.post("/report/recompute/", {}, page="/report/") for _ in range(TASKS)]
        kill(redis)
        wait_for("redis to be healthy", lambda: is_back(stack, "redis", redis), RECOVERY_SECONDS)
    finally:
        docker("unpause", worker)
    assert [answer.status for answer in sent] == [302] * TASKS
    ids = [answer.request_id for answer in sent]
    wait_for("the tasks to be done", lambda: set(done(ids)) == set(ids), RECOVERY_SECONDS, 1)


def test_loss__would_be_seen(stack: Stack, probe: Probe, admin: Visitor) -> None:
    """Of what the site never got there is neither a row nor a line."""
    with Load(stack.port, writer=admin) as load:
        wait_for("a write", lambda: load.acknowledged, 30)
    ((_, answer),) = load.acknowledged[:1]
    load.writes.append(("never sent", answer))
    assert missing_writes(probe, load) == {"never sent"}
    unknown = Answer(200, {"x-request-id": "0" * 32}, "", "", 0.0, 0.0)
    for directory, dataset in (("nginx-logs", "nginx.access"), ("app-logs", "django.request")):
        assert missing_lines(probe, directory, dataset, [answer, unknown]) == {"0" * 32}


def test_all_at_once__come_back_without_order(stack: Stack, probe: Probe, admin: Visitor, report: Report) -> None:
    """As after a loss of power: nothing waits for what it depends on, and the one-shots do not run again."""
    with Load(stack.port, writer=admin) as load:
        wait_for("a write", lambda: len(load.acknowledged) >= 5, 30)
        for container in [stack.container(service) for service in LONG_RUNNING if service in stack.services]:
            kill(container)
        killed_at = time.time()
        wait_for("the site", lambda: load.served_after(killed_at), RECOVERY_SECONDS)
        served_after_seconds = time.time() - killed_at
    stack.wait_healthy(ALL_SECONDS)
    report.setdefault("killed with -9", []).append(
        f"all at once: {served_after_seconds:.0f} s until a page, {time.time() - killed_at:.0f} s until all are healthy"
    )
    assert missing_writes(probe, load) == set()
    answers = must_have_lines(load, killed_at)
    assert missing_lines(probe, "nginx-logs", "nginx.access", answers) == set()
    assert missing_lines(probe, "app-logs", "django.request", answers) == set()
