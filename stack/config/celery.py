"""The Celery application: eager unless CELERY_BROKER_URL names a broker."""

import os

from celery import Celery

import django_ops.celery  # noqa: F401 - a task's lines carry the request that published it

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stack.config.settings")

app = Celery("stack")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
