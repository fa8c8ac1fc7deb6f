"""Everything that could turn nginx's question into a redirect or a 400 is on."""

import json
import os

SECRET_KEY = "for the tests only"
DEBUG = False
ALLOWED_HOSTS = ["ops.example.com", "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = ["https://intranet.example.org"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["TEST_DATABASE"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": os.environ["TEST_DATABASE"] + ".cache",
    }
}
SESSION_ENGINE = os.environ.get("TEST_SESSION_ENGINE", "django.contrib.sessions.backends.db")
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django_ops",
    "django_ops.access.gate",
]
MIDDLEWARE = [
    "django_ops.middleware.OpsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "tests.integration.gate_site.urls"
STATIC_URL = "static/"
LOGIN_URL = "/sign-in/"
APPEND_SLASH = True
SECURE_SSL_REDIRECT = os.environ.get("TEST_GATE_MODE", "nginx") == "nginx"
SECURE_REDIRECT_EXEMPT = ["^sign-in/$", "^sign-out/$", "^ops/$", "^admin/"]
USE_TZ = True

OPS_TRUSTED_PROXIES = ["127.0.0.1"]
OPS_GATE_MODE = os.environ.get("TEST_GATE_MODE", "nginx")
OPS_GATE_SERVICES = json.loads(os.environ.get("TEST_SERVICES", "{}"))
OPS_GATE_CACHE_SECONDS = float(os.environ.get("TEST_CACHE_SECONDS", "5"))
OPS_METRICS_NETWORKS = ["127.0.0.1"]
