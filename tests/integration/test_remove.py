"""Removing the package as its page says leaves a project that can do all that it could before."""

import subprocess

import pytest

from tests.integration.scratch import Project, blocks

PAGE = "docs/how-to/remove.md"
SETTINGS = next(block for block in blocks("README.md", "python") if "INSTALLED_APPS" in block)
COMMANDS = [line[2:] for block in blocks(PAGE, "console") for line in block.splitlines()]
(SQL,) = blocks(PAGE, "sql")

TWO_PASSWORDS = """
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django_ops.passwords.models import PasswordEntry
user = User.objects.create_user("ana")
for password in ("one-of-ten-thousand", "two-of-ten-thousand"):
    validate_password(password, user)
    user.set_password(password)
    user.save()
assert PasswordEntry.objects.count() == 2
"""
STALE = """
from django.contrib.contenttypes.models import ContentType
print(ContentType.objects.filter(app_label__startswith="ops"))
"""
DELETE = "from django.contrib.auth.models import User; print(User.objects.get().delete())"


@pytest.fixture
def project(tmp_path):
    """A project with the README's lines, whose one user has a history."""
    project = Project(tmp_path)
    project.plain_settings = project.settings.read_text()
    project.add_settings(SETTINGS)
    for installed in (".venv", "venv"):
        project.write(f"{installed}/django_ops.py", "OPS_SERVICE_NAME = logging_config = None\n")
    project.manage("migrate", "-v0")
    project.manage("shell", "-c", TWO_PASSWORDS)
    return project


def take_lines_out(project):
    project.settings.write_text(project.plain_settings)


def test_removing__as_the_page_says(project):
    commands = iter(COMMANDS)
    first = next(commands)
    assert first == "python manage.py migrate ops_passwords zero"
    project.manage(*first.split()[2:])
    take_lines_out(project)
    search = subprocess.run(next(commands), shell=True, cwd=project.directory, capture_output=True, text=True)
    assert (search.returncode, search.stdout) == (1, "")
    assert next(commands).startswith("pip uninstall")
    project.manage(*next(commands).split()[2:])
    project.manage(*next(commands).split()[2:], "--noinput")
    assert list(commands) == []
    assert "'auth.User': 1" in project.manage("shell", "-c", DELETE).stdout
    assert "<QuerySet []>" in project.manage("shell", "-c", STALE).stdout


def test_removing__too_late(project):
    take_lines_out(project)
    refused = project.run("python", "manage.py", "shell", "-c", DELETE)
    assert "IntegrityError" in refused.stderr  # what the page is for
    in_the_database = f"from django.db import connection as c; [c.cursor().execute(s) for s in {SQL.split(';')[:-1]!r}]"
    project.manage("shell", "-c", in_the_database)
    assert "'auth.User': 1" in project.manage("shell", "-c", DELETE).stdout
    assert "ops_passwords" not in project.manage("showmigrations").stdout
