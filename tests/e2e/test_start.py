"""What a new version replaces, how long the site takes to start, and what it then leads browsers to."""

from __future__ import annotations

import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.commands import docker, patient, run
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: From `docker start` to the first answer.
START_SECONDS = 2.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

#: What the site's image runs.
SITE = {"migrate", "web", "worker", "beat", "flower"}

Report = dict[str, list[str]]


def replaced(stack: Stack, **environment: str) -> set[str]:
    """Return the services whose containers `up` would replace with other variables."""
    command = ("docker", "compose", *stack.files, "-p", stack.project, "--dry-run", "up", "-d")
    ended = run(*command, environment={**stack.environment, **environment}, timeout=120)
    return set(re.findall(rf"Container {stack.project}-([\w-]+)-1 +Recreate$", ended.stderr, re.M))


@pytest.fixture
def next_version(stack: Stack) -> Iterator[str]:
    """Another version of the site, which has the same images."""
    version = stack.environment["DJANGO_OPS_VERSION"]
    images = {f"django-ops/{name}:{version}": f"django-ops/{name}:{version}-next" for name in ("app", "nginx")}
    for image, following in images.items():
        docker("tag", image, following)
    yield f"{version}-next"
    docker("rmi", *images.values())


def test_new_version__replaces_no_store(stack: Stack, next_version: str) -> None:
    """Compose replaces all that depend on what it replaces."""
    assert replaced(stack, DJANGO_OPS_VERSION=next_version) == {*SITE, "nginx", "nginx-exporter"}
    assert replaced(stack, OPS_ENVIRONMENT="test") == SITE
    assert replaced(stack) == set()


def test_former_version__comes_back_with_its_images_and_no_store_is_touched(
    stack: Stack, next_version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen() -> dict[str, tuple[str, str]]:
        return {name: (item["Id"], item["Config"]["Image"]) for name, (item, *_) in stack.containers().items()}

    former = seen()
    with monkeypatch.context() as upgrade:
        upgrade.setitem(stack.environment, "DJANGO_OPS_VERSION", next_version)
        stack.up()
    assert {name for name, (_, image) in seen().items() if image.endswith(next_version)} == {*SITE, "nginx"}
    stack.up()
    back = seen()
    assert {name: image for name, (_, image) in back.items()} == {name: image for name, (_, image) in former.items()}
    assert {name for name in back if back[name] != former[name]} == {*SITE, "nginx", "nginx-exporter"}


def test_page__leads_to_a_hashed_file_that_nginx_serves_for_ever(visitor: Visitor) -> None:
    page = visitor.request("/admin/login/").body
    path = re.search(r'href="(/static/admin/css/base\.[0-9a-f]{12}\.css)"', page)
    assert path, page[:1000]
    plain = visitor.request(path[1])
    assert plain.status == 200
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert visitor.request(path[1], headers={"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"


def test_start__to_the_first_answer(stack: Stack, report: Report) -> None:
    """The bar is for an idle machine, so it is held against what the start costs: its one core's seconds."""
    web = stack.id("web")
    waited, cost = [], []
    for _ in range(3):
        docker("stop", web, timeout=90)
        began_at = time.monotonic()
        docker("start", web)
        wait_for_livez(stack.container("web"), stack.project)
        waited.append(time.monotonic() - began_at)
        cost.append(processor_seconds(web))
    stack.wait_healthy()
    report.setdefault("figures", []).append(
        f"start of web to its first 200: {min(waited):.1f} s, of which {min(cost):.1f} s on its core"
        f" (bar: {START_SECONDS:g} s)"
    )
    assert min(cost) < START_SECONDS


def wait_for_livez(container: dict, project: str) -> None:
    """Ask the container by its address until it answers. Raises AssertionError where it does not."""
    address = container["NetworkSettings"]["Networks"][f"{project}_web"]["IPAddress"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + patient(30)
    while time.monotonic() < deadline:
        try:
            with opener.open(f"http://{address}:8000/livez", timeout=1) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise AssertionError("waited in vain for web to answer")


def processor_seconds(container: str) -> float:
    """Return the processor time of all processes of a container, ended children included."""
    ticks = 0
    for pid in docker("top", container, "-eo", "pid").split()[1:]:
        with suppress(FileNotFoundError, ProcessLookupError):  # a health check that has ended
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS_PER_SECOND
