"""The reference project as it runs in production, on gunicorn and PostgreSQL, without the pages of the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.integration.gunicorns import request
from tests.integration.services import HOST, PostgreSQL, held_port, running

ROOT = Path(__file__).parents[2]
PASSWORD = "only for this site 4711"
#: One process for all of it, as each would load the site anew.
PREPARE = """
import sys, django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("load_demo", verbosity=0)
for name in ("admin", "other"):
    User.objects.create_superuser(name, "", sys.argv[1])
"""


class ReferenceSite(NamedTuple):
    """A site that answers; its users `admin` and `other` may do everything."""

    port: int
    logs: Path


@contextmanager
def reference_site(directory: Path, database: PostgreSQL) -> Iterator[ReferenceSite]:
    """Run the reference project in `directory` on an empty database, with the demo's servers in it."""
    site = ReferenceSite(held_port(), directory / "log")
    environment = {
        **os.environ,
        "BIND": f"{HOST}:{site.port}",
        "DATABASE_URL": f"postgresql://{database.user}@{database.host}:{database.port}/{database.database}",
        "DEMO": "0",
        "DJANGO_HTTPS": "0",
        "DJANGO_SECRET_KEY": "of the tests only, as long as one should be, 4711",
        "DJANGO_SETTINGS_MODULE": "stack.config.settings",
        "DJANGO_VAR_DIR": str(directory),
        "PROMETHEUS_MULTIPROC_DIR": str(directory / "slots"),
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run([sys.executable, "-c", PREPARE, PASSWORD], cwd=ROOT, env=environment, check=True)
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "stack/config/gunicorn.conf.py")]
    ready = partial(_is_ready, site.port)
    with running(gunicorn, directory, ready, environment=environment, stop_signal=signal.SIGINT):  # no drain
        yield site


def _is_ready(port: int) -> bool:
    try:
        return request(port, "GET", "/readyz", host="127.0.0.1") == 200
    except OSError:
        return False
