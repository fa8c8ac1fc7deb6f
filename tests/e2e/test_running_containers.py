"""Every container that runs keeps the rules H1 to H26, and each rule rejects one that does not."""

from __future__ import annotations

import json
import os
import signal
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.containers import compose, project, waivers
from tests.contract.containers import rules as file_rules
from tests.contract.containers.mutations import MUTATIONS
from tests.e2e import running_rules
from tests.e2e.commands import docker, run, wait_for
from tests.e2e.facts import Facts, gather, inspect
from tests.e2e.stack import RECOVERY_SECONDS, Stack

#: A container that keeps every rule; each of SAMPLES breaks one.
GOOD = {
    "user": "10001:10001",
    "cap-drop": "ALL",
    "security-opt": "no-new-privileges:true",
    "read-only": "true",
    "tmpfs": "/tmp:size=1m",
    "memory": "64m",
    "cpus": "0.5",
    "pids-limit": "20",
    "health-cmd": "true",
    "health-interval": "1s",
    "log-driver": "json-file",
    "log-opt": ["max-size=1m", "max-file=1"],
    "restart": "unless-stopped",
    "init": "true",
    "stop-timeout": "5",
    "network": "{project}_ui",
}
SAMPLES: dict[str, dict[str, str | list[str] | None]] = {
    "H1": {"user": "0:0"},
    "H2": {"cap-add": "NET_RAW"},
    "H3": {"security-opt": None},
    "H4": {"security-opt": ["no-new-privileges:true", "seccomp=unconfined"]},
    "H5": {"device": "/dev/null:/dev/other"},
    "H6": {"read-only": None},
    "H7": {"volume": "/scratch"},
    "H8": {"pids-limit": None},
    "H9": {"health-cmd": None, "health-interval": None},
    "H10": {"publish": "0:8080", "network": "{project}_edge"},
    "H11": {"network": "bridge"},
    "H12": {"pid": "host"},
    "H13": {"volume": "/var/run/docker.sock:/var/run/docker.sock:ro"},
    "H14": {"volume": "/etc:/host/etc:ro"},
    "H19": {"log-opt": None},
    "H20": {"restart": None},
    "H21": {"init": None},
    "H22": {"env": "FLOWER_UNAUTHENTICATED_API=1"},
}


@pytest.fixture(scope="module")
def waived() -> list[waivers.Waiver]:
    return [waiver for waiver in waivers.load() if waiver.at != "file"]


@pytest.fixture(scope="module")
def containers(running: Stack) -> list[Facts]:
    running.wait_healthy(by_the_engine=True)
    one_shots = project.load(config=running.config).one_shots
    found = running.containers()
    return [gather(name, item, one_shot=name in one_shots) for name, items in found.items() for item in items]


def test_stack__runs_every_service(containers: list[Facts], running: Stack) -> None:
    assert {facts.service for facts in containers} == running.services


def test_running_containers__keep_every_rule(containers: list[Facts], waived: list[waivers.Waiver]) -> None:
    found = running_rules.findings(containers)
    assert [str(finding) for finding in waivers.unlisted(found, waived)] == []


def test_waivers__are_all_used(containers: list[Facts], waived: list[waivers.Waiver], running: Stack) -> None:
    found = running_rules.findings(containers)
    engine = int(docker("version", "--format", "{{.Server.Version}}").partition(".")[0])
    concerned = [
        waiver
        for waiver in waived
        if waiver.service in {*running.services, "*"} and engine < (waiver.before_engine or engine + 1)
    ]
    assert [str(waiver) for waiver in waivers.unused(found, concerned, "running")] == []


def sample(running: Stack, changes: dict[str, str | list[str] | None]) -> Facts:
    """Run a container with the options of GOOD but for `changes`, and look at it."""
    image = running.container("web")["Config"]["Image"]
    # the build gave its labels to the image: without them, it belongs to no project
    options = ["--label=com.docker.compose.project="]
    for name, value in {**GOOD, **changes}.items():
        for one in value if isinstance(value, list) else [value]:
            options += [] if one is None else [f"--{name}={one}".format(project=running.project)]
    command = ("python", image, "-c", "import time; time.sleep(60)")
    identity = docker("run", "-d", *options, "--entrypoint", *command).strip()
    try:
        if "health-cmd" not in changes:
            wait_for(
                "the sample to be healthy", lambda: inspect(identity)["State"]["Health"]["Status"] == "healthy", 30
            )
        return gather("sample", inspect(identity), one_shot=False)
    finally:
        docker("rm", "-f", "-v", identity)


def test_rules__accept_a_container_that_keeps_them(running: Stack) -> None:
    assert [str(finding) for finding in running_rules.findings([sample(running, {})])] == []


@pytest.mark.parametrize("rule", SAMPLES)
def test_running_container__that_breaks_a_rule_is_rejected_by_it_alone(running: Stack, rule: str) -> None:
    found = running_rules.findings([sample(running, SAMPLES[rule])])
    assert {finding.rule for finding in found} == {rule}, [str(finding) for finding in found]


def test_running_rules__are_all_proven_able_to_fail() -> None:
    assert SAMPLES.keys() == running_rules.RULES.keys()


def test_rendered_config__keeps_every_rule(running: Stack) -> None:
    """As Docker renders it; that each rule is able to fail is proven on the file: tests/contract/containers."""
    found = file_rules.findings(project.load(config=running.config))
    assert [str(finding) for finding in waivers.unlisted(found, waivers.load())] == []


#: What Docker itself refuses: two bounds of one thing, services that wait for each other, a file that is not there.
REFUSED_BY_DOCKER = {("H26", "mem_limit"), ("H12", "container"), ("H26", "include")}


@pytest.mark.parametrize("number", range(max(map(len, MUTATIONS.values()))))
def test_rendered_config__shows_the_rules_what_the_file_says(images: None, tmp_path: Path, number: int) -> None:
    """The first change of every rule in one file, then the second of each: Docker's rendering hides none of them.

    That each change is rejected by its rule alone is proven on the file: tests/contract/containers.
    """
    raw, broken = compose.read(), set()
    for rule, changes in MUTATIONS.items():
        for name, change in list(changes.items())[number : number + 1]:
            if (rule, name) not in REFUSED_BY_DOCKER:
                change(raw)
                broken.add(rule)
    path = tmp_path / "compose.yml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    command = ("docker", "compose", "-f", str(path), "--project-directory", str(compose.ROOT), "--profile", "*")
    rendered = json.loads(run(*command, "config", "--format", "json").stdout)
    found = file_rules.findings(project.load(raw=raw, config=rendered))
    assert found == file_rules.findings(project.load(raw=raw))
    assert broken <= {finding.rule for finding in found}


def test_rendering__without_docker_is_what_docker_renders(running: Stack) -> None:
    ours = compose.render(compose.read(), {**compose.read_env(), **running.environment})["services"]
    for name, service in running.config["services"].items():
        for key in ("image", "user", "read_only", "cap_drop", "security_opt", "profiles", "init", "restart"):
            assert ours[name].get(key) == service.get(key), (name, key)
        assert ours[name]["environment"] == (service.get("environment") or {}), name
        assert ours[name]["networks"].keys() == (service.get("networks") or {}).keys(), name
        mounts = [(mount["type"], mount["target"], bool(mount.get("read_only"))) for mount in ours[name]["volumes"]]
        assert mounts == [
            (mount["type"], mount["target"], bool(mount.get("read_only"))) for mount in service.get("volumes") or []
        ], name


def test_image__is_the_one_that_compose_yml_names(containers: list[Facts], running: Stack) -> None:
    for facts in containers:
        pinned = running.config["services"][facts.service]["image"]
        assert facts.inspect["Config"]["Image"] == pinned
        assert facts.inspect["Image"] == json.loads(docker("image", "inspect", pinned))[0]["Id"], facts.service


OURS = ("web", "nginx", "secrets")


def test_our_images__have_no_setuid_program(running: Stack) -> None:
    found = {service: setuid_files(running.container(service)["Config"]["Image"]) for service in OURS}
    assert {service: files for service, files in found.items() if files} == {}


def setuid_files(image: str) -> list[str]:
    command = ("find", "/", "-xdev", "-perm", "/6000", "-type", "f")
    return docker("run", "--rm", "--network=none", "--user=0", "--entrypoint", command[0], image, *command[1:]).split()


def test_setuid_program__would_be_found(running: Stack, tmp_path: Path) -> None:
    image = running.container("web")["Config"]["Image"]
    name = f"{running.project}-setuid"
    (tmp_path / "Dockerfile").write_text(
        f"FROM {image}\nUSER 0\nRUN cp /bin/true /usr/bin/gain && chmod 4755 /usr/bin/gain\n", encoding="utf-8"
    )
    docker("build", "-q", "-t", name, str(tmp_path), timeout=120)
    try:
        assert setuid_files(name) == ["/usr/bin/gain"]
    finally:
        docker("rmi", "-f", name)


def test_app_image__has_no_tools(running: Stack) -> None:
    tools = "gcc cc make uv pip pip3 curl wget git ssh"
    script = f"command -v python; for tool in {tools}; do command -v $tool; done; true"
    assert docker("exec", running.id("web"), "sh", "-c", script).split() == ["/opt/venv/bin/python"]


def test_app_image__has_code_that_its_user_cannot_change(running: Stack) -> None:
    image = running.container("web")["Config"]["Image"]
    search = "find / -xdev -writable -not -type l -not -path '/proc*' -not -path '/dev*' -not -path '/sys*'"
    script = f"{search} 2>/dev/null; true"  # it may not look everywhere
    writable = docker("run", "--rm", "--network=none", "--entrypoint", "sh", image, "-c", script).split()
    assert set(writable) <= {"/tmp", "/var/tmp", "/run/lock", "/var/log/django", "/var/lib/flower", "/srv/media"}


def test_frozen_worker__turns_unhealthy(running: Stack) -> None:
    """A health check that asks only whether the process is there would not see it."""
    running.wait_healthy(by_the_engine=True)
    identity = running.id("web")
    pids = [int(pid) for pid in docker("top", identity, "-eo", "pid").split()[1:]]
    try:
        signal_all(pids, signal.SIGSTOP)
        wait_for("web to be unhealthy", lambda: health(identity)["Status"] == "unhealthy", RECOVERY_SECONDS)
    finally:
        signal_all(pids, signal.SIGCONT)
    running.wait_healthy()


def health(identity: str) -> dict[str, Any]:
    """Return what the engine's health checks of a container have found."""
    return inspect(identity)["State"]["Health"]


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, one of which may have been a health check that has ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def test_stopped_stores__do_not_make_the_application_unhealthy(stack: Stack) -> None:
    """Or a swarm would kill every replica of the site because a store is away."""
    stores = ("redis", "postgres", "memcached")
    stack.wait_healthy(by_the_engine=True)
    web = stack.id("web")
    stack.compose("stop", *stores, timeout=120)
    try:
        away_at = datetime.now(UTC)

        def succeeded() -> bool:
            found = health(web)
            assert found["Status"] == "healthy", found
            return any(
                datetime.fromisoformat(check["Start"]) > away_at and check["ExitCode"] == 0 for check in found["Log"]
            )

        wait_for("a health check that begins while they are away, and succeeds", succeeded, RECOVERY_SECONDS)
    finally:
        stack.compose("start", *stores, timeout=120)
    stack.wait_healthy()


def test_engine__confines_containers(running: Stack) -> None:
    options = json.loads(docker("info", "--format", "{{json .SecurityOptions}}"))
    assert any("seccomp" in option for option in options)


def test_engine__socket_is_its_group_s_only(running: Stack) -> None:
    mode = stat.S_IMODE(Path("/var/run/docker.sock").stat().st_mode)
    assert mode & 0o007 == 0, oct(mode)
