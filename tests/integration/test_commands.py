"""What management commands leave beside a server's files, and who can use it afterwards."""

import os

import pytest

from tests.integration.scratch import Project

SETTINGS = """
from django_ops.logs import logging_config
INSTALLED_APPS += ["django_ops", "talkative"]
LOGGING = logging_config(directory=BASE_DIR / "log")
"""
TALKATIVE = """
import logging, threading
from django.apps import AppConfig
from django_ops.metrics import catalog
class Talkative(AppConfig):
    name = "talkative"
    def ready(self):
        thread = threading.Thread(target=logging.getLogger("talkative").warning, args=["the app starts"])
        thread.start()
        thread.join()
        catalog.READY.set(1.0)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with an app that logs and counts as it starts."""
    project = Project(tmp_path_factory.mktemp("commands"))
    project.add_settings(SETTINGS)
    project.add_app("talkative", TALKATIVE)
    return project


@pytest.mark.parametrize("slots", [None, "slots"])
def test_command__takes_no_number_of_a_worker(project, slots):
    environment = {} if slots is None else {"PROMETHEUS_MULTIPROC_DIR": str(project.directory / slots)}
    project.manage("check", **environment)
    assert sorted(os.listdir(project.directory / "log")) == ["django.command.jsonl"]
    if slots is not None:
        assert sorted(os.listdir(project.directory / slots)) == ["metrics-command.cells", "slot-command.lock"]


def test_script__that_is_no_command_takes_a_number(project):
    ended = project.run("python", "-c", "import django; django.setup()", DJANGO_SETTINGS_MODULE="shop.settings")
    assert ended.returncode == 0, ended.stderr
    assert "django.0.jsonl" in os.listdir(project.directory / "log")
