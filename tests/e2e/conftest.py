"""Brings a stack up once for all tests, and reports what it was made of."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.commands import KEPT, run
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack, engine_is_there, is_root
from tests.e2e.visitor import Visitor

ENGINE_SECONDS = 900
IMAGES_SECONDS = 3600
BUILD_SECONDS = 1200

#: What the report at the end shows: heading -> lines.
REPORT = pytest.StashKey[dict[str, list[str]]]()
FAILED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("e2e")
    group.addoption("--project", default="django-ops-e2e", help="name of the compose project")
    group.addoption("--keep", action="store_true", help="leave the stack up, and use one that was left up")
    group.addoption("--no-images", action="store_true", help="take the images as they are; build none")
    group.addoption("--profiles", default=None, help="COMPOSE_PROFILES; everything by default")
    group.addoption("--traffic-seconds", type=float, default=20.0, help="traffic before memory is measured (300)")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = {}
    config.stash[FAILED] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    if outcome.failed:
        item.config.stash[FAILED].append(item.nodeid)
    return outcome


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for heading, lines in config.stash[REPORT].items():
        terminalreporter.section(heading)
        for line in lines:
            terminalreporter.write_line(line)
    if config.stash[REPORT]:
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / "report.json").write_text(json.dumps(config.stash[REPORT], indent=1), encoding="utf-8")


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> dict[str, list[str]]:
    """Lines to show at the end of the run, by heading."""
    return pytestconfig.stash[REPORT]


@pytest.fixture(scope="session")
def images(pytestconfig: pytest.Config, report: dict[str, list[str]]) -> None:
    """An engine, and every image that compose.yml names."""
    if not engine_is_there():
        run("python3", "-m", "tests.images", "engine", timeout=ENGINE_SECONDS)
    assert is_root(), "the tests look into /proc and kill processes of containers: run them as root"
    began_at = time.monotonic()
    if not pytestconfig.getoption("--no-images"):
        run("python3", "-m", "tests.images", "build", timeout=IMAGES_SECONDS)
    report.setdefault("times", []).append(f"images of others: {time.monotonic() - began_at:.1f} s")
    report["components"] = run("python3", "-m", "tests.images", "table").stdout.splitlines()


@pytest.fixture(scope="session")
def running(images: None, pytestconfig: pytest.Config, report: dict[str, list[str]]) -> Iterator[Stack]:
    """The stack, up and healthy; removed with its data at the end, or left for the next run with --keep."""
    project = pytestconfig.getoption("--project")
    profiles = pytestconfig.getoption("--profiles")
    stack = Stack(project, profiles=profiles)
    keep = pytestconfig.getoption("--keep")
    if keep and "nginx" in stack.containers():
        ports = stack.container("nginx")["HostConfig"]["PortBindings"]["8080/tcp"]
        stack = Stack(project, port=int(ports[0]["HostPort"]), profiles=profiles)
    else:
        stack.down()
    try:
        began_at = time.monotonic()
        if not pytestconfig.getoption("--no-images"):
            stack.compose("--profile", "*", "build", timeout=BUILD_SECONDS)
            report["times"].append(f"images of ours: {time.monotonic() - began_at:.1f} s")
            began_at = time.monotonic()
        stack.up()
        report["times"].append(f"docker compose up --wait: {time.monotonic() - began_at:.1f} s")
        yield stack
    except BaseException:
        stack.keep_traces("start")
        raise
    finally:
        if pytestconfig.stash[FAILED]:
            stack.keep_traces("end")
        if not keep:
            stack.down()


@pytest.fixture(scope="session")
def probe(running: Stack) -> Iterator[Probe]:
    """Somebody inside the networks."""
    probe = Probe(running)
    yield probe
    probe.remove()


@pytest.fixture
def stack(running: Stack, probe: Probe) -> Stack:
    """The stack, healthy again whatever the test before did to it."""
    running.wait_healthy(180)
    return running


@pytest.fixture
def visitor(stack: Stack) -> Visitor:
    """Somebody on the site."""
    return Visitor(stack.port)


@pytest.fixture
def admin(visitor: Visitor, probe: Probe) -> Visitor:
    """The first administrator, signed in."""
    return visitor.sign_in(probe.secret("secrets-django/admin-password"))
