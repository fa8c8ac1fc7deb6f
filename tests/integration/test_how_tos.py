"""Commands and code of the how-tos do, in a project with the README's lines, what their pages say."""

import re
import shlex

import pytest

from tests.each import each
from tests.integration.scratch import Project, blocks

HOW_TO = "docs/how-to/"
SETTINGS = next(block for block in blocks("README.md", "python") if "INSTALLED_APPS" in block)
PAGES = [f"{HOW_TO}{name}.md" for name in ("existing-project", "drain", "password-history", "celery", "remove")]
COMMANDS = sorted({
    found
    for page in PAGES
    for block in blocks(page, "console")
    for found in re.findall(r"^\$ (?:sudo -u \S+ )?(?:\S*/)?(python manage\.py .*|python -c .*)$", block, re.MULTILINE)
})  # fmt: skip
#: Those that are run by the test of their own page, in its order.
ELSEWHERE = {
    "python manage.py migrate ops_passwords zero": "test_remove.py",
    "python manage.py remove_stale_contenttypes --include-stale-apps": "test_remove.py",
    "python manage.py ops_drain              # and wait for OPS_DRAIN_SECONDS": "test_drain.py; waits",
    "python manage.py ops_drain --wait 20    # or for so long": "test_drain.py; waits",
}
EXIT_CODES = {"python manage.py ops_drain --status": 1}  # it does not drain
PASSWORDS = blocks(f"{HOW_TO}password-history.md", "python")
USER = """
from django.contrib.auth.models import User
user = User.objects.create_user("ana", password="none-of-ten-thousand", is_staff=True)
user.refresh_from_db()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project to which the README's lines were added."""
    project = Project(tmp_path_factory.mktemp("how-tos"))
    project.add_settings(SETTINGS)
    project.manage("migrate", "-v0")
    return project


def test_commands__that_are_run_elsewhere_are_still_on_a_page():
    assert set(ELSEWHERE) <= set(COMMANDS)


@each("command", [command for command in COMMANDS if command not in ELSEWHERE])
def test_command__runs(project, command):
    words = shlex.split(command.partition(" > ")[0], comments=True)
    ended = project.run(*words)
    assert ended.returncode == EXIT_CODES.get(" ".join(words), 0), ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_settings_of_password_history__are_taken(project):
    """As the only line about it: the README's has the defaults, too."""
    (block,) = (block for block in PASSWORDS if "AUTH_PASSWORD_VALIDATORS" in block)
    changed = f"{project.settings.read_text()}\nAUTH_PASSWORD_VALIDATORS.pop()\n"
    project.write("shop/as_the_page_says.py", changed + block.replace('INSTALLED_APPS += ["django_ops.passwords"]', ""))
    project.manage("check", DJANGO_SETTINGS_MODULE="shop.as_the_page_says")


def test_code_of_password_history__runs(project):
    """Each block by itself, with a user and the passwords that its page speaks of."""
    code = [block for block in PASSWORDS if "AUTH_PASSWORD_VALIDATORS" not in block]
    assert len(code) == 4
    for number, block in enumerate(code):
        project.write(f"shop/block_{number}.py", block)
        run = f"exec(open('shop/block_{number}.py').read())"
        user = USER.replace("ana", f"ana-{number}")
        project.manage(
            "shell", "-c", f"{user}password, raw_password = 'one-of-ten-thousand', 'two-of-ten-thousand'\n{run}"
        )


def test_code_of_password_history__is_stricter_with_staff(project):
    (block,) = (block for block in PASSWORDS if "class Staff" in block)
    project.write("shop/staff.py", block)
    asked = """
from shop.staff import StaffPasswordHistoryValidator
StaffPasswordHistoryValidator().validate("none-of-ten-thousand", user)
"""
    ended = project.run("python", "manage.py", "shell", "-c", USER + asked)
    assert "ValidationError" in ended.stderr


def test_code_of_celery__makes_an_application(project):
    project.write("shop/celery.py", blocks(f"{HOW_TO}celery.md", "python")[0])
    ended = project.run("python", "-c", "from shop.celery import app; app.finalize(); print(app.main)")
    assert ended.stdout == "shop\n", ended.stderr


def test_settings_of_existing_project__name_the_log_files(project):
    (block,) = (block for block in blocks(f"{HOW_TO}existing-project.md", "python") if "LOG_NAME" in block)
    project.write("shop/named.py", f"{project.settings.read_text()}\n{block}")
    said = "import logging; logging.getLogger('shop').warning('said')"
    environment = {
        "DJANGO_SETTINGS_MODULE": "shop.named",
        "LOG_DIR": str(project.directory / "log"),
        "LOG_NAME": "worker",
    }
    project.manage("shell", "-c", said, **environment)
    assert [file.name for file in (project.directory / "log").glob("*.jsonl")] == ["worker.command.jsonl"]
