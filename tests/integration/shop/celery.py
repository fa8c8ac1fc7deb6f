"""The project's Celery application, as the documentation says to write it."""

import os

from celery import Celery

import django_ops.celery  # noqa: F401

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.integration.shop.settings")

app = Celery("shop", include=["tests.integration.shop.tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")
