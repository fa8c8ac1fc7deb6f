"""What a project says on its terminal, and that what its commands print stays theirs."""

import json

import pytest

from tests.integration.scratch import Project, ask
from tests.integration.services import wait_until
from tests.whole_lines import whole_lines

SETTINGS = """
import os
from django_ops.logs import logging_config
INSTALLED_APPS += ["django_ops", "talkative"]
MIDDLEWARE = ["django_ops.middleware.OpsMiddleware", *MIDDLEWARE]
LOGGING = logging_config(directory=os.environ.get("LOG_DIR"))
DEBUG = bool(os.environ.get("DEBUG"))
ALLOWED_HOSTS = ["*"]
"""
TALKATIVE = """
import logging
from django.apps import AppConfig
class Talkative(AppConfig):
    name = "talkative"
    def ready(self):
        logging.getLogger("talkative").warning("the app starts")
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
def broken(request):
    raise ValueError("why")
urlpatterns = [path("ok/", lambda request: HttpResponse("ok")), path("broken/", broken)]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with an app that logs as it starts."""
    project = Project(tmp_path_factory.mktemp("console"))
    project.add_settings(SETTINGS)
    project.add_app("talkative", TALKATIVE)
    project.write("shop/urls.py", URLS)
    project.manage("migrate", "-v0")
    return project


@pytest.mark.parametrize("environment", [{}, {"DEBUG": "1"}, {"LOG_DIR": "log"}, {"DEBUG": "1", "LOG_DIR": "log"}])
@pytest.mark.parametrize("program", [("python", "manage.py"), ("python", "-m", "django"), ("django-admin",)])
def test_command__output_stays_clean(project, program, environment):
    ended = project.run(*program, "dumpdata", "auth", DJANGO_SETTINGS_MODULE="shop.settings", **environment,
                        PYTHONPATH=f"{project.environment['PYTHONPATH']}:{project.directory}")  # fmt: skip
    json.loads(ended.stdout)
    assert ("the app starts" in ended.stderr) is (environment != {"LOG_DIR": "log"})


def test_command__of_another_name(project):
    """Projects have scripts of their own that run Django's commands."""
    script = "import django.core.management as m; m.execute_from_command_line(['shop', 'dumpdata', 'auth'])"
    ended = project.run("python", "-c", script, DJANGO_SETTINGS_MODULE="shop.settings")
    json.loads(ended.stdout)
    assert '"message":"the app starts"' in ended.stderr


def test_server__writes_to_standard_output(project):
    """Whatever is no management command, whoever wrote it; a command that it calls changes nothing."""
    script = "import django; django.setup(); from django.core.management import call_command as c; c('check')"
    ended = project.run("python", "-c", script, DJANGO_SETTINGS_MODULE="shop.settings")
    assert '"message":"the app starts"' in ended.stdout
    assert "the app starts" not in ended.stderr


def test_runserver__is_a_server(project):
    with project.running("python", "manage.py", "runserver", "--noreload", f"127.0.0.1:{project.port}") as server:
        wait_until(lambda: ask(f"{project.url}/ok/") == 200, "runserver answers")
        server.wait_for('"message":"GET /ok/ 200')
    assert '"message":"GET /ok/ 200' in server.out
    assert '"message":"GET /ok/ 200' not in server.err
    assert '"GET /ok/ HTTP' not in server.out + server.err  # django.server's line about the same request


@pytest.mark.parametrize("environment", [{}, {"LOG_DIR": "log-of-runserver"}])
def test_runserver__tells_a_developer_what_plain_django_does(project, environment):
    command = "python", "manage.py", "runserver", "--noreload", f"127.0.0.1:{project.port}"
    with project.running(*command, DEBUG="1", **environment) as server:
        wait_until(lambda: ask(f"{project.url}/ok/") == 200, "runserver answers")
        for path in ("broken/", "missing/", "static/admin/css/base.css"):
            ask(f"{project.url}/{path}")
        server.wait_for("INFO     GET /ok/ 200")
        server.wait_for("WARNING  GET /missing/ 404")
        server.wait_for("ValueError: why")
        # runserver answers it before our middleware
        server.wait_for('"GET /static/admin/css/base.css HTTP/1.1" 200')
    said = server.err
    assert '"@timestamp"' not in server.out + said
    broken = said[said.index("ERROR    GET /broken/ 500") :].splitlines()
    assert broken[1] == "Traceback (most recent call last):"
    assert said.count("GET /broken/") == 1
    assert "\x1b" not in said  # it is no terminal
    files = list((project.directory / "log-of-runserver").glob("*.jsonl"))
    assert bool(files) is bool(environment)
    assert all(json.loads(line) for file in files for line in whole_lines(file.read_text()))
