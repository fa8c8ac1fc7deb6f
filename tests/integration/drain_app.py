"""A small site for the drain tests: settings, URLs and WSGI application in one file."""

import os
import time

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

SECRET_KEY = "for the tests only"
ALLOWED_HOSTS = ["only.this.example"]  # probes must not need it
USE_X_FORWARDED_HOST = False
ROOT_URLCONF = __name__
DATABASES = {}
INSTALLED_APPS = ["django_ops"]
MIDDLEWARE = ["django_ops.middleware.OpsMiddleware"]
OPS_READYZ_CHECKS = []
OPS_DRAIN_SECONDS = float(os.environ.get("TEST_DRAIN_SECONDS", "1"))
OPS_DRAIN_FILE = os.environ.get("TEST_DRAIN_FILE", "")


def work(request):
    """What takes a moment: 10 ms, or until the file exists that the query string names, but a minute at most."""
    time.sleep(0.01)
    if "until" in request.GET:
        deadline = time.monotonic() + 60
        while not os.path.exists(request.GET["until"]) and time.monotonic() < deadline:
            time.sleep(0.01)
    return HttpResponse(f"{os.getpid()}")


urlpatterns = [path("work", work)]


def site():
    """Make the application; gunicorn calls it in each worker."""
    return get_wsgi_application()


def asynchronous_site():
    """Make the ASGI application."""
    return get_asgi_application()
