"""Settings of the site in proxy mode."""

import json
import os
from pathlib import Path

from django_ops.logs import logging_config

DIRECTORY = Path(os.environ["SITE_DIRECTORY"])

SECRET_KEY = "for the tests only"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "site.example"]
ROOT_URLCONF = "tests.integration.proxy_site.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DIRECTORY / "site.sqlite3",
        "OPTIONS": {"timeout": 20, "init_command": "PRAGMA journal_mode=WAL"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_ops",
]
MIDDLEWARE = [
    "django_ops.middleware.OpsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
LOGIN_URL = "/accounts/login/"

OPS_SERVICE_NAME = "gate"
OPS_TRUSTED_PROXIES: list[str] = []
OPS_METRICS_TOKEN = "let-me-scrape"
OPS_METRICS_MIGRATIONS = False
OPS_READYZ_CHECKS: list[str] = []
OPS_DRAIN_SECONDS = 0

OPS_GATE_MODE = "proxy"
OPS_GATE_CACHE_SECONDS = float(os.environ.get("SITE_CACHE_SECONDS", "2"))
OPS_GATE_SERVICES = json.loads(os.environ["SITE_SERVICES"])

LOGGING = logging_config()
