"""Brings a stack up once for all tests, and reports what it was made of.

With `pytest -n 2` the tests of the main stack go to one process, and the files with a stack of their own to the other:
most of a test is waiting.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import claims
from tests.e2e.commands import KEPT, docker, run
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack, engine_is_there, is_root
from tests.e2e.visitor import Visitor

ENGINE_SECONDS = 900
IMAGES_SECONDS = 3600
BUILD_SECONDS = 1200

#: Files whose tests have no need of the main stack.
OF_THEIR_OWN = {
    "test_bad_input",
    "test_build",
    "test_development",
    "test_full_volumes",
    "test_hostile_targets",
    "test_silences",
    "test_images",
    "test_static",
    "test_tls",
    "test_your_project",
}

Report = dict[str, list[str]]
#: What the report at the end shows: heading -> lines.
REPORT = pytest.StashKey[Report]()
FAILED = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("e2e")
    group.addoption("--project", default=claims.project_name(), help="name of the compose project")
    group.addoption("--keep", action="store_true", help="leave the stack up, and use one that was left up")
    group.addoption("--no-images", action="store_true", help="take the images as they are; build none")
    group.addoption("--profiles", default=None, help="COMPOSE_PROFILES; everything by default")
    group.addoption("--traffic-seconds", type=float, default=20.0, help="traffic before memory is measured (300)")


def is_worker(config: pytest.Config) -> bool:
    """Tell whether this is a process of pytest-xdist, and not the one that was started."""
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORT] = {}
    config.stash[FAILED] = []
    if is_worker(config) or config.option.collectonly:
        return
    project = config.getoption("--project")
    holder = claims.lock(f"project-{project}")
    if holder is not None:
        raise pytest.UsageError(
            f"the tests of the project {project} are running already, as process {holder}: wait until they have ended,"
            " or give these another name with --project"
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in OF_THEIR_OWN and "running" in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(
                f"{item.nodeid} uses the main stack: its file is one of OF_THEIR_OWN in conftest.py"
            )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class TwoHalves(LoadScopeScheduling):
        """Gives all tests of the main stack to one process, and each file with a stack of its own to one."""

        def _split_scope(self, nodeid: str) -> str:
            name = Path(nodeid.partition("::")[0]).stem
            return name if name in OF_THEIR_OWN else "main"

    return TwoHalves(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    if outcome.failed:
        item.config.stash[FAILED].append(item.nodeid)
    return outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if is_worker(config):
        config.workeroutput["report"] = config.stash[REPORT]  # type: ignore[attr-defined]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    merge(node.config.stash[REPORT], getattr(node, "workeroutput", {}).get("report", {}))


def merge(report: Report, other: Report) -> None:
    """Add the lines of another process's report, but for those that are there."""
    for heading, lines in other.items():
        there = report.setdefault(heading, [])
        there += [line for line in lines if heading != "components" or line not in there]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if is_worker(config):
        return  # one that has ended says so as well, while others still need the images
    for heading, lines in config.stash[REPORT].items():
        terminalreporter.section(heading)
        for line in lines:
            terminalreporter.write_line(line)
    if config.stash[REPORT]:
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / "report.json").write_text(json.dumps(config.stash[REPORT], indent=1), encoding="utf-8")
    if "components" in config.stash[REPORT] and not (config.getoption("--keep") or config.getoption("--no-images")):
        version = config.getoption("--project")
        docker("rmi", "-f", *(f"django-ops/{name}:{version}" for name in ("app", "nginx", "provision")), check=False)


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Lines to show at the end of the run, by heading."""
    return pytestconfig.stash[REPORT]


def once(path: Path, work: Callable[[], Report]) -> Report:
    """Return what `work` returns, done by the first process of this run that asks; `path` is known to all of them."""
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if text:
            return {}
        done = work()
        file.write(json.dumps(done))
        return done


def build_images(config: pytest.Config) -> Report:
    """See to an engine, to every image that compose.yml names, and to ours under this run's name; say what they are."""
    if not engine_is_there():
        run("python3", "-m", "tests.images", "engine", timeout=ENGINE_SECONDS)
    assert is_root(), "the tests look into /proc and kill processes of containers: run them as root"
    times = []
    began_at = time.monotonic()
    if not config.getoption("--no-images"):
        run("python3", "-m", "tests.images", "build", timeout=IMAGES_SECONDS)
        times.append(f"images of others: {time.monotonic() - began_at:.1f} s")
        began_at = time.monotonic()
        version = config.getoption("--project")
        stack = Stack(f"{version}-build", version=version)
        stack.compose("--profile", "*", "build", timeout=BUILD_SECONDS)
        times.append(f"images of ours: {time.monotonic() - began_at:.1f} s")
    return {"times": times, "components": run("python3", "-m", "tests.images", "table").stdout.splitlines()}


@pytest.fixture(scope="session")
def images(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory, report: Report) -> None:
    """An engine and all images; with pytest-xdist, the first process builds them and the others wait."""
    ours = tmp_path_factory.getbasetemp()
    shared = ours.parent if is_worker(pytestconfig) else ours
    merge(report, once(shared / "images.json", lambda: build_images(pytestconfig)))


MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def make_stack(images: None, pytestconfig: pytest.Config) -> MakeStack:
    """Makes a stack of this run's images: the run's name with a suffix, and what else Stack takes."""
    project = pytestconfig.getoption("--project")
    return lambda suffix="", **options: Stack(f"{project}{suffix}", version=project, **options)


@pytest.fixture(scope="session")
def running(make_stack: MakeStack, pytestconfig: pytest.Config, report: Report) -> Iterator[Stack]:
    """The stack, up and healthy; removed with its data at the end, or left for the next run with --keep."""
    profiles = pytestconfig.getoption("--profiles")
    stack = make_stack(profiles=profiles)
    keep = pytestconfig.getoption("--keep")
    if keep and "nginx" in stack.containers():
        ports = stack.container("nginx")["HostConfig"]["PortBindings"]["8080/tcp"]
        stack.port = int(ports[0]["HostPort"])
        stack.environment["HTTP_PORT"] = str(stack.port)
    else:
        stack.down()
    try:
        began_at = time.monotonic()
        stack.up()
        report.setdefault("times", []).append(f"docker compose up --wait: {time.monotonic() - began_at:.1f} s")
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
    running.wait_healthy()
    return running


@pytest.fixture
def visitor(stack: Stack) -> Visitor:
    """Somebody on the site."""
    return Visitor(stack.port)


@pytest.fixture
def admin(visitor: Visitor, probe: Probe) -> Visitor:
    """The first administrator, signed in."""
    return visitor.sign_in(probe.secret("secrets-django/admin-password"))
