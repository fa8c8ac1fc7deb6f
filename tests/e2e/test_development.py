"""The override for development: the code is mounted and reloaded, and nothing of it is active by accident."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.checkout import Checkout, checkout
from tests.e2e.claims import claim_port
from tests.e2e.commands import ROOT, run, wait_for
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

PAGE = (ROOT / "docs/how-to/develop.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copy(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A copy of the repository, in which tests change code."""
    with checkout(tmp_path_factory.mktemp("development")) as copy:
        yield copy


@pytest.fixture(scope="module")
def development(copy: Checkout, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The stack as the page's command starts it."""
    command = re.search(r"(?m)^\$ docker compose -f (\S+) -f (\S+) up --build --wait$", PAGE)
    assert command
    stack = copy.stack(f"{pytestconfig.getoption('--project')}-dev")
    stack.files = ["-f", command[1], "-f", command[2]]
    stack.environment["DEVELOPMENT_PORT"] = str(claim_port())
    with stack.of_its_own("development"):
        stack.patiently("up", "--build", "--wait")
        yield stack


@pytest.fixture
def visitor(development: Stack) -> Visitor:
    """Somebody at Django's own server."""
    return Visitor(int(development.environment["DEVELOPMENT_PORT"]))


def test_page__has_the_debug_toolbar(visitor: Visitor) -> None:
    page = visitor.request("/")
    assert (page.status, 'id="djDebug"' in page.body) == (200, True)


def test_code__that_changes_is_reloaded(visitor: Visitor, copy: Checkout) -> None:
    added = "urlpatterns.append(path('added/', lambda request: HttpResponse('x')))\n"
    copy.append("stack/config/urls.py", f"from django.http import HttpResponse\n\n{added}")
    wait_for("the new page", lambda: visitor.request("/added/").body == "x", 20)


def test_template_and_static_file__that_change_are_served(visitor: Visitor, copy: Checkout) -> None:
    copy.append("stack/inventory/static/inventory/style.css", "/* just added */\n")
    path = re.search(r'href="(/static/inventory/style[^"]*\.css)"', visitor.request("/").body)
    assert path
    assert "just added" in visitor.request(path[1]).body


def test_error__shows_itself(visitor: Visitor) -> None:
    assert "Using the URLconf defined in" in visitor.request("/no-such-page").body


def test_lines__are_readable_and_on_standard_error(visitor: Visitor, development: Stack) -> None:
    visitor.request("/")
    wait_for("the line", lambda: "GET / 200 " in run("docker", "logs", development.id("web")).stderr, 20)
    logs = run("docker", "logs", development.id("web"))
    assert "GET / " not in logs.stdout
    assert '"@timestamp"' not in logs.stdout + logs.stderr


def test_port__is_this_machine_s_only(development: Stack) -> None:
    everywhere = {**development.environment, "HTTP_ADDRESS": "0.0.0.0"}
    command = ("docker", "compose", *development.files, "config")
    config = run(*command, folder=development.folder, environment=everywhere).stdout
    assert re.findall(r"host_ip: (\S+)", config) == ["127.0.0.1"]


def test_production__knows_nothing_of_it(copy: Checkout) -> None:
    config = run("docker", "compose", "config", folder=copy.folder).stdout
    assert "stack.config.development" not in config
    assert f"image: {copy.image('app')}-development" not in config
    assert not list(Path(ROOT).glob("*compose.override.y*ml"))


def test_production_image__does_not_start_with_its_settings(development: Stack, copy: Checkout) -> None:
    command = ("docker", "run", "--rm", "-e", "DJANGO_SETTINGS_MODULE=stack.config.development",
               "-e", "DJANGO_SECRET_KEY=x", copy.image("app"), "web")  # fmt: skip
    ended = run(*command, check=False)
    assert ended.returncode == 78
    assert ended.stderr.startswith("web does not start: the settings stack.config.development cannot be used")
    assert ended.stderr.count("\n") == 1


def test_development__refuses_https(development: Stack) -> None:
    ended = development.compose("run", "--rm", "-T", "--no-deps", "-e", "DJANGO_HTTPS=1", "web", "web", check=False)
    assert ended.returncode == 78
    assert "DJANGO_HTTPS must be 0" in ended.stderr
