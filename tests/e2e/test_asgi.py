"""The image's part that no service of compose.yml uses: the site under ASGI."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.commands import docker, run, wait_for
from tests.e2e.lines import lines_below
from tests.e2e.stack import Stack

#: stop_grace_period of web, in whose place it runs.
GRACE_SECONDS = 45


@pytest.fixture
def container(stack: Stack) -> Iterator[str]:
    """Web's container once more, with another command; under no name that nginx knows."""
    name = f"{stack.project}-asgi"
    docker("rm", "-f", name, check=False)
    try:
        stack.compose("run", "--detach", "--no-deps", "--name", name, "web", "asgi")
        wait_for("the site under ASGI to answer", lambda: is_alive(name), 60)
        yield name
    finally:
        docker("rm", "-f", name, check=False)


def is_alive(name: str) -> bool:
    """Tell whether the site in a container is well."""
    asked = ("python", "-m", "stack.provision.health", "url", "http://127.0.0.1:8000/livez")
    return run("docker", "exec", name, *asked, check=False).returncode == 0


def status(name: str, path: str) -> int:
    """Return by which status a path of the site in a container is answered."""
    script = (
        "import http.client, sys; site = http.client.HTTPConnection('127.0.0.1', 8000, timeout=60);"
        "site.request('GET', sys.argv[1]); print(site.getresponse().status)"
    )
    return int(docker("exec", name, "python", "-c", script, path, timeout=90))


def test_asgi__serves_pages_from_the_database(container: str) -> None:
    assert status(container, "/servers.json") == 200


def test_asgi__says_when_a_page_is_not_there(container: str) -> None:
    assert status(container, "/no-such-page") == 404


def test_asgi__writes_a_line_for_each_request(container: str) -> None:
    assert status(container, "/servers.json") == 200

    host = docker("inspect", "-f", "{{.Config.Hostname}}", container).strip()

    def paths() -> list[str]:
        lines = lines_below(container, f"/var/log/django/web-{host}")
        return [line["url"]["path"] for line in lines if line["event"]["dataset"] == "django.request"]

    # a line is written once its answer has left
    assert wait_for("the line", paths, 10) == ["/servers.json"]


def test_asgi__ends_when_it_is_told_to(container: str) -> None:
    docker("stop", "--time", str(GRACE_SECONDS), container, timeout=GRACE_SECONDS + 15)
    assert docker("inspect", "-f", "{{.State.ExitCode}}", container).strip() == "0"
