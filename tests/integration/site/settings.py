"""Settings of the site that the servers of the integration tests run."""

import os
from pathlib import Path

from django_ops.logs import logging_config

DIRECTORY = Path(os.environ["SITE_DIRECTORY"])

SECRET_KEY = "for the tests only"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "site.example"]
ROOT_URLCONF = "tests.integration.site.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DIRECTORY / "site.sqlite3",
        # several workers and threads, of which none writes
        "OPTIONS": {"timeout": 20},
    }
}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django_ops"]
MIDDLEWARE = [
    "django_ops.middleware.OpsMiddleware",
    "tests.integration.site.middleware.breaking",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
USE_TZ = True

OPS_SERVICE_NAME = "site"
OPS_SERVICE_VERSION = os.environ.get("SITE_VERSION", "1")
OPS_TRUSTED_PROXIES = ["127.0.0.1/32"]
OPS_METRICS_TOKEN = "let-me-scrape"
OPS_METRICS_MIGRATIONS = False
OPS_LOG_QUERY_KEYS = ["page"]
OPS_READYZ_CHECKS = []
OPS_DRAIN_SECONDS = 0
OPS_DRAIN_FILE = DIRECTORY / "draining"

if os.environ.get("SITE_TELEMETRY"):
    MIDDLEWARE.insert(0, "tests.integration.site.middleware.traced")

LOGGING = logging_config(directory=os.environ.get("SITE_LOGS"))
