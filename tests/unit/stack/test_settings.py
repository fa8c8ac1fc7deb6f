"""The settings as they are where the environment says nothing but the secret key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.serve import secret_file

ROOT = Path(__file__).resolve().parents[3]
SHOW = """
import json, django
from django.conf import settings
django.setup()
print(json.dumps({name: getattr(settings, name) for name in (
    "DEBUG", "DEMO", "ALLOWED_HOSTS", "SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "CELERY_TASK_ALWAYS_EAGER",
    "INSTALLED_APPS", "MIDDLEWARE")}))
"""


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "stack.config.settings", **variables}
    return subprocess.run([sys.executable, *arguments], env=environ, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The settings of an environment with nothing but a secret key."""
    var = str(tmp_path_factory.mktemp("var"))
    return json.loads(python("-c", SHOW, DJANGO_SECRET_KEY="k" * 60, DJANGO_VAR_DIR=var).stdout)


def test_plain__debug_is_off(plain):
    assert plain["DEBUG"] is False


def test_plain__no_page_misbehaves(plain):
    assert plain["DEMO"] is False
    assert "stack.demo" not in plain["INSTALLED_APPS"]


def test_plain__only_this_machine_is_a_host(plain):
    assert plain["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]


def test_plain__https_only(plain):
    assert plain["SESSION_COOKIE_SECURE"]
    assert plain["SECURE_SSL_REDIRECT"]


def test_plain__tasks_run_at_once(plain):
    assert plain["CELERY_TASK_ALWAYS_EAGER"]


def test_plain__ours_is_the_outermost_middleware(plain):
    assert plain["MIDDLEWARE"][0] == "django_ops.middleware.OpsMiddleware"


def test_without_a_secret_key__nothing_starts(tmp_path):
    ended = python("manage.py", "check", DJANGO_VAR_DIR=str(tmp_path))
    assert ended.returncode != 0
    assert "DJANGO_SECRET_KEY is not set" in ended.stderr


def test_check_deploy__has_nothing_to_say(tmp_path):
    key = "".join(chr(97 + number % 26) for number in range(60))
    secret_file(tmp_path / "token", 24)
    ended = python(
        "manage.py", "check", "--deploy", "--fail-level", "WARNING",
        DJANGO_SECRET_KEY=key, DJANGO_VAR_DIR=str(tmp_path), OPS_TRUSTED_PROXIES="10.0.0.0/8",
        OPS_METRICS_TOKEN_FILE=str(tmp_path / "token"),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
