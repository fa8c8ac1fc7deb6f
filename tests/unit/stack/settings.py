"""The reference project's own settings, with a hasher that costs nothing."""

import os
import tempfile

# before the import: the settings read the environment
os.environ |= {
    "DJANGO_SECRET_KEY": "for the tests only",
    "DJANGO_VAR_DIR": tempfile.mkdtemp(prefix="django-ops-test-"),
    "DJANGO_HTTPS": "0",
    "DEMO": "1",
}

from stack.config.settings import *  # noqa: F403

# a file: a database in memory is never closed by the threads that look whether migrations are applied
DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
OPS_METRICS_TOKEN = "metrics token of the tests"
