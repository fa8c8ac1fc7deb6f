"""Each container is killed while the site is used, in rounds: it comes back by itself, and nothing is lost."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from tests.contract.containers import project
from tests.e2e.commands import docker, wait_for
from tests.e2e.lines import field, in_files, request_ids, wait_shipped
from tests.e2e.probe import Probe
from tests.e2e.stack import RECOVERY_SECONDS, Stack, has_given_up, is_well
from tests.e2e.visitor import Answer, Load, Visitor, summary

_PROJECT = project.load()
LONG_RUNNING = {name for name, _ in _PROJECT.services if name not in _PROJECT.one_shots}
#: What is killed together: nothing needs another one of its round, so each comes back by its own strength; and of those
#: that could lose the same thing there is one a round, so a loss is put down to it.
ROUNDS = (
    ("postgres", "filebeat", "prometheus", "node-exporter", "celery-exporter"),
    ("redis", "elasticsearch", "alertmanager", "nginx-exporter"),
    ("memcached", "kibana", "redis-exporter", "elasticsearch-keeper"),
    ("web", "grafana", "postgres-exporter", "beat", "flower"),
    ("nginx", "worker"),
)
#: What a service needs beside what compose.yml has it wait for.
NEEDS = {
    "nginx": {"web"},
    "flower": {"worker"},
    "prometheus": {"alertmanager"},
    "grafana": {"prometheus", "elasticsearch"},
    "elasticsearch-keeper": {"elasticsearch"},
}
#: Who could lose an acknowledged write or its line, and who a line on its way to Elasticsearch.
WRITES, SHIPS = {"nginx", "web", "postgres"}, {"filebeat", "elasticsearch"}
#: A line is written once the last byte of the answer has left: who is killed in between has answered without a line.
#: Where others use the cores as well, this takes a moment.
LINE_SECONDS = 3
#: For lines that were written to be seen.
SEEN_SECONDS = 10
TASKS = 5
#: More than so many answers before a kill must have lines: of fewer, a loss would prove little.
ANSWERS = 10

Report = dict[str, list[str]]


class Moment(NamedTuple):
    """When containers were killed: the first and the last of them, in seconds since 1970."""

    since: float
    until: float


def needs(service: str) -> Iterator[str]:
    """Yield what a service needs, and what that has to wait for."""
    yield from NEEDS.get(service, ())
    for other in _PROJECT.config["services"][service].get("depends_on", {}):
        yield other
        yield from needs(other)


def kill(container: dict[str, Any]) -> None:
    """Kill a container's first process, and with it all others, as the kernel does when memory is short."""
    os.kill(container["State"]["Pid"], signal.SIGKILL)


def kill_all(containers: Iterable[dict[str, Any]], load: Load) -> Moment:
    """Kill containers once more than ANSWERS of the load must have lines, and return from when to when."""
    wait_for("enough answers", lambda: len(must_have_lines(load, Moment(time.time(), math.inf))) > ANSWERS, 30)
    began_at = time.time()
    for container in containers:
        kill(container)
    return Moment(began_at, time.time())


def is_back(stack: Stack, service: str, before: dict[str, Any]) -> bool:
    """Tell whether a container was started anew since `before`, and is healthy."""
    now = stack.container(service)
    assert now["Id"] == before["Id"], f"{service} is another container"
    assert not has_given_up(now), f"{service} has ended and is not started again"
    return now["RestartCount"] > before["RestartCount"] and is_well(now)


def seconds_until_back(stack: Stack, service: str, before: dict[str, Any], killed_at: float) -> float:
    """Wait until a service is back, and return how long that took. Raises AssertionError."""
    wait_for(f"{service} to be healthy", lambda: is_back(stack, service, before), RECOVERY_SECONDS, 0.5)
    return time.time() - killed_at


def kill_under_load(stack: Stack, writer: Visitor, services: tuple[str, ...]) -> tuple[Load, Moment, dict[str, float]]:
    """Kill services under load. Return the load, when they were killed, and the seconds until each was back.

    The load goes on until the site has served a read and a write after the last of them was.
    """
    before = {service: stack.container(service) for service in services}
    with Load(stack.port, writer=writer) as load, ThreadPoolExecutor(len(services)) as pool:
        killed = kill_all(before.values(), load)
        waits = {name: pool.submit(seconds_until_back, stack, name, before[name], killed.until) for name in services}
        took = {name: wait.result() for name, wait in waits.items()}
        back_at = time.time()
        wait_for("a read", lambda: load.served_after(back_at), RECOVERY_SECONDS)
        wait_for("a write", lambda: any(answer.began_at > back_at for _, answer in load.acknowledged), RECOVERY_SECONDS)
    return load, killed, took


def missing_writes(probe: Probe, load: Load) -> set[str]:
    """Return the acknowledged writes that are not in the database."""
    names = ", ".join(f"'{name}'" for name, _ in load.acknowledged)
    stored = probe.sql(f"SELECT name FROM inventory_tag WHERE name IN ({names})", "app")
    return {name for name, _ in load.acknowledged} - {name for (name,) in stored}


def must_have_lines(load: Load, killed: Moment) -> list[Answer]:
    """Return the answers of the site, but for those that came in the moment of the kill."""
    answered = [answer for answer in load.answers if answer.status in (200, 302)]
    since, until = killed.since - LINE_SECONDS, killed.until + LINE_SECONDS
    return [answer for answer in answered if not since < answer.ended_at < until]


def missing_lines(probe: Probe, directory: str, dataset: str, answers: list[Answer]) -> set[str]:
    """Return the ids of requests without a line."""
    return {answer.request_id for answer in answers} - set(request_ids(in_files(probe, directory), dataset))


def no_line_is_missing(probe: Probe, answers: list[Answer], of_whom: object) -> None:
    """Wait until the files have a line of nginx and one of the site for each answer. Raises AssertionError."""
    for directory, dataset in (("nginx-logs", "nginx.access"), ("app-logs", "django.request")):
        what = f"the {dataset} lines of {len(answers)} requests after a kill of {of_whom}"
        wait_for(what, lambda of=(directory, dataset): not missing_lines(probe, *of, answers), SEEN_SECONDS, 1)


def test_rounds__kill_each_service_once_and_none_with_what_it_needs() -> None:
    assert sorted(service for round_ in ROUNDS for service in round_) == sorted(LONG_RUNNING)
    assert [(service, other) for round_ in ROUNDS for service in round_ for other in needs(service)
            if other in round_] == []  # fmt: skip
    assert [round_ for round_ in ROUNDS if len(WRITES & set(round_)) > 1 or len(SHIPS & set(round_)) > 1] == []


@pytest.mark.parametrize("services", ROUNDS, ids=" ".join)
def test_killed_containers__come_back_and_nothing_is_lost(
    stack: Stack, probe: Probe, admin: Visitor, report: Report, services: tuple[str, ...]
) -> None:
    services = tuple(service for service in services if service in stack.services)
    writes, ships = (next(iter(those & set(services)), f"any of {services}") for those in (WRITES, SHIPS))
    load, killed, took = kill_under_load(stack, admin, services)
    told = ", ".join(f"{service} {seconds:.0f} s" for service, seconds in took.items())
    report.setdefault("killed with -9", []).append(
        f"{told}; {len(load.failures)} failed of {summary(load.answers)} (bar: {RECOVERY_SECONDS} s on an idle machine)"
    )
    assert missing_writes(probe, load) == set(), f"acknowledged, and gone after a kill of {writes}"
    answers = must_have_lines(load, killed)
    no_line_is_missing(probe, answers, writes)
    if "elasticsearch" in stack.services:
        ids = [answer.request_id for answer in answers]
        found = wait_shipped(probe, "nginx.access", ids)
        assert {name: count for name, count in found.items() if count != 1} == {}, f"shipped twice: a kill of {ships}"
        wait_shipped(probe, "django.request", ids)


def has_written_all(probe: Probe) -> bool:
    """Tell whether Redis keeps nothing back: while the disk is busy it answers first, and writes up to 2 s later."""
    return "\naof_buffer_length:0\r" in probe.redis("INFO persistence")


def test_task__that_was_accepted_survives_a_kill_of_the_broker(stack: Stack, probe: Probe, admin: Visitor) -> None:
    def done(ids: list[str]) -> list[str]:
        lines = [line for line in in_files(probe, "worker-logs") if field(line, "event.dataset") == "django.task"]
        return [field(line, "http.request.id") for line in lines if field(line, "http.request.id") in ids]

    worker, redis = stack.id("worker"), stack.container("redis")
    docker("pause", worker)
    try:
        sent = [admin.post("/report/recompute/", {}, page="/report/") for _ in range(TASKS)]
        wait_for("Redis to have written all that it accepted", lambda: has_written_all(probe), 30)
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
        asked = (directory, dataset, [answer, unknown])
        wait_for("all lines but one", lambda asked=asked: missing_lines(probe, *asked) == {"0" * 32}, SEEN_SECONDS, 1)


def test_all_at_once__come_back_without_order(stack: Stack, probe: Probe, admin: Visitor, report: Report) -> None:
    """As after a loss of power: nothing waits for what it depends on, and the one-shots do not run again."""
    containers = [stack.container(service) for service in LONG_RUNNING & stack.services]
    with Load(stack.port, writer=admin) as load:
        wait_for("a write", lambda: len(load.acknowledged) >= 5, 30)
        killed = kill_all(containers, load)
        wait_for("the site", lambda: load.served_after(killed.until), RECOVERY_SECONDS)
        page_seconds = time.time() - killed.until
    stack.wait_healthy(by_the_engine=True)
    healthy_seconds = time.time() - killed.until
    report.setdefault("killed with -9", []).append(
        f"all at once: {page_seconds:.0f} s until a page, {healthy_seconds:.0f} s until all are healthy"
    )
    assert missing_writes(probe, load) == set()
    no_line_is_missing(probe, must_have_lines(load, killed), "all")
