"""Which management command a process runs, and whether it serves."""

import django
import pytest
from django.core.management import ManagementUtility

from django_ops.record.command import management_command, serves


class Asked(BaseException):
    """Ends the command where Django would be set up."""


@pytest.fixture
def asked(monkeypatch):
    """Return what is true while Django is set up for a command."""
    answers = []

    def setup():
        answers.append((management_command(), serves()))
        raise Asked

    def ask(*arguments):
        monkeypatch.setattr(django, "setup", setup)
        with pytest.raises(Asked):
            ManagementUtility(["manage.py", *arguments]).execute()
        return answers.pop()

    return ask


@pytest.mark.parametrize("name", ["migrate", "shell", "export_servers", "run_report", "qcluster"])
def test_serves__command(asked, name):
    assert asked(name, "-v0") == (name, False)


@pytest.mark.parametrize("name", ["runserver", "runserver_plus", "runsslserver", "testserver"])
def test_serves__command_that_is_a_server(asked, name):
    assert asked(name) == (name, True)


def test_serves__manage_py_alone(asked):
    assert asked() == ("help", False)


def test_serves__no_command():
    assert (management_command(), serves()) == (None, True)
