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


@pytest.mark.parametrize("name", ["migrate", "shell", "run_report", "export_orders"])
def test_serves__command(asked, name):
    assert asked(name, "-v0") == (name, False)


@pytest.mark.parametrize(
    "name",
    [
        "runserver", "runserver_plus", "runsslserver", "testserver", "grpcrunserver", "runworker", "db_worker",
        "qcluster", "rundramatiq",
    ],
)  # fmt: skip
def test_serves__command_that_is_a_server(asked, name):
    assert asked(name) == (name, True)


@pytest.mark.parametrize(("name", "told", "answer"), [("consume", "1", True), ("list_workers", "0", False)])
def test_serves__command_of_which_the_environment_says_it(asked, monkeypatch, name, told, answer):
    monkeypatch.setenv("DJANGO_OPS_SERVES", told)
    assert asked(name) == (name, answer)


def test_serves__manage_py_alone(asked):
    assert asked() == ("help", False)


def test_serves__no_command():
    assert (management_command(), serves()) == (None, True)
