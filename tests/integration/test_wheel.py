"""The wheel in an environment of its own, with no extra: it can be installed, imported and used."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # Django is installed anew

ROOT = Path(__file__).resolve().parents[2]

IMPORT_ALL = """
import importlib, pkgutil, sys
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x",
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages",
        "django_ops", "django_ops.passwords", "django_ops.access.gate",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
import django_ops
assert "site-packages" in django_ops.__file__, django_ops.__file__
# what an extra or a server brings, and this environment has not
OPTIONAL = (
    "django_ops.celery", "django_ops.gunicorn", "django_ops.access.gate.proxy", "django_ops.access.gate.websocket"
)
for module in pkgutil.walk_packages(django_ops.__path__, "django_ops.", onerror=lambda name: None):
    if not module.name.startswith(OPTIONAL):
        importlib.import_module(module.name)
absent = {"aiohttp", "celery", "gunicorn", "kombu", "uvicorn", "opentelemetry", "django_prometheus", "psycopg", "redis"}
absent.add("stack")
assert not absent & set(sys.modules), absent & set(sys.modules)
"""

SITE = """
import io, sys
import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from django_ops.logs import logging_config
settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, INSTALLED_APPS=["django_ops"],
    MIDDLEWARE=["django_ops.middleware.OpsMiddleware"], LOGGING=logging_config(), OPS_SERVICE_NAME="tiny",
)
urlpatterns = [path("hello/", lambda request: HttpResponse("hello"))]
django.setup()
from django.core.wsgi import get_wsgi_application
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/hello/", "SERVER_NAME": "x", "SERVER_PORT": "80",
           "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
response = get_wsgi_application()(environ, lambda status, headers: None)
list(response)
response.close()
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> Path:
    """The interpreter of an environment that holds the wheel and what it says it needs."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    venv.create(directory / "venv", with_pip=True)
    interpreter = directory / "venv" / "bin" / "python"
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    return interpreter


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTHON"))}
    return subprocess.run([python, *arguments], env=environ, cwd=cwd, capture_output=True, text=True)


def test_wheel__every_module_imports_with_no_extra(python, tmp_path):
    ended = run(python, "-W", "error", "-c", IMPORT_ALL, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_wheel__what_it_needs_is_consistent(python, tmp_path):
    ended = run(python, "-m", "pip", "check", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout


def test_wheel__a_site_logs_its_request(python, tmp_path):
    (tmp_path / "site_of_one_page.py").write_text(SITE)
    ended = run(python, "-W", "error", "site_of_one_page.py", cwd=tmp_path)
    assert '"message":"GET /hello/ 200' in ended.stdout, ended.stderr


def test_wheel__the_extra_that_is_missing_is_named(python, tmp_path):
    ended = run(python, "-c", "import django_ops.celery", cwd=tmp_path)
    assert "pip install './django-ops[celery]'" in ended.stderr
