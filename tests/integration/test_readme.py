"""What the README says to add makes Django's own new project ready, on a laptop as in production."""

import json
import re
import subprocess

import pytest

from tests import newcomer
from tests.integration.scratch import Project, ask, blocks
from tests.integration.services import wait_until
from tests.whole_lines import whole_lines

SETTINGS = next(block for block in blocks("README.md", "python") if "INSTALLED_APPS" in block)
GUNICORN = next(block for block in blocks("README.md", "python") if "gunicorn.conf.py" in block)
TOKEN = "MIvb4Mr5cU1s0PgQ9zLkTqXw"
EMPTY = {"LOG_DIR": "", "METRICS_TOKEN_FILE": "", "TRUSTED_PROXIES": ""}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project to which the README's lines were added; only DEBUG and the hosts are its own."""
    project = Project(tmp_path_factory.mktemp("readme"))
    project.settings.write_text(
        project.settings.read_text()
        .replace("DEBUG = True", 'import os\nDEBUG = "DEBUG" in os.environ')
        .replace("ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["*"]')
    )
    project.add_settings(SETTINGS)
    project.write("gunicorn.conf.py", GUNICORN)
    project.write("shop/tests.py", "from django.test import TestCase\nclass One(TestCase):\n  def test(self): pass\n")
    project.write("metrics-token", TOKEN)
    project.manage("migrate", "-v0", DEBUG="1")
    return project


@pytest.fixture(scope="module")
def production(project):
    """The environment of production."""
    return {
        "LOG_DIR": str(project.directory / "log"),
        "METRICS_TOKEN_FILE": str(project.directory / "metrics-token"),
        "TRUSTED_PROXIES": "127.0.0.1 10.0.0.0/8",
    }


def ours(text):
    """Return the numbers of our messages, without what is said for information only."""
    return re.findall(r"django_ops\.([EW]\d+)", text)


def test_readme__settings_are_few():
    assert len([line for line in SETTINGS.splitlines() if line.strip() and not line.startswith("#")]) < 15


@pytest.mark.parametrize("environment", [{"DEBUG": "1"}, {}, EMPTY])
def test_readme__without_an_environment(project, environment):
    """A laptop, a CI job, and one whose variables are there and empty."""
    assert ours(project.manage("check", **environment).stderr) == []
    assert ours(project.manage("check", "--deploy", **environment).stderr) == []
    assert "OK" in project.manage("test", **environment).stderr


def test_readme__laptop_serves(project):
    command = "python", "manage.py", "runserver", "--noreload", f"127.0.0.1:{project.port}"
    with project.running(*command, DEBUG="1") as server:
        wait_until(lambda: ask(f"{project.url}/admin/login/") == 200, "runserver answers")
        server.wait_for("GET /admin/login/ 200")


def test_readme__shows_how_to_see_that_it_works(project):
    start, ask_it = (block for block in blocks("README.md", "console") if "try-it" in block)
    make_token, serve = (line.removeprefix("$ ") for line in start.splitlines())
    subprocess.run(make_token, shell=True, check=True, cwd=project.directory)
    variable, _, command = serve.partition(" ")
    token = dict([variable.split("=")])
    with project.running(*command.split(), "--noreload", str(project.port), DEBUG="1", **token) as server:
        wait_until(lambda: ask(f"{project.url}/livez") == 200, "runserver answers")
        for command_and_answer in ask_it.split("$ ")[1:]:
            command, shown = command_and_answer.replace("127.0.0.1:8000", f"127.0.0.1:{project.port}").splitlines()
            told = newcomer.ask(command)  # there may be no curl
            assert " ".join(shown.split()[:2] if shown.startswith("HTTP/") else shown.split()[:1]) in told, command
        server.wait_for("GET / 200")


def test_readme__production_serves(project, production):
    assert ours(project.manage("check", "--deploy", **production).stderr) == []
    project.manage("migrate", "-v0", **production)
    with project.running("gunicorn", "shop.wsgi", "--bind", f"127.0.0.1:{project.port}", **production):
        wait_until(lambda: ask(f"{project.url}/readyz") == 200, "gunicorn is ready")
        assert ask(f"{project.url}/admin/login/", **{"X-Forwarded-For": "203.0.113.9"}) == 200
        assert ask(f"{project.url}/metrics") == 401
        assert ask(f"{project.url}/metrics", Authorization=f"Bearer {TOKEN}") == 200
    lines = [
        json.loads(line)
        for file in (project.directory / "log").glob("*.jsonl")
        for line in whole_lines(file.read_text())
    ]
    (line,) = (line for line in lines if line["message"].startswith("GET /admin/login/"))
    assert line["client"]["address"] == "203.0.113.9"
    assert line["service"]["name"] == "shop"
