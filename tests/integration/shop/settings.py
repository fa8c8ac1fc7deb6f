"""Settings of the workers: what the tests choose comes from the environment."""

import os

from django_ops.logs import logging_config

SECRET_KEY = "for the tests only"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["django_ops"]
USE_TZ = True

LOGGING = logging_config(directory=os.environ.get("SHOP_LOG_DIRECTORY") or None)

CELERY_BROKER_URL = os.environ["SHOP_BROKER_URL"]
CELERY_RESULT_BACKEND = os.environ["SHOP_BROKER_URL"]
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("SHOP_QUEUE", "celery")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
if os.environ.get("SHOP_START_METHOD"):
    CELERY_WORKER_POOL_START_METHOD = os.environ["SHOP_START_METHOD"]
CELERY_BEAT_SCHEDULE = {"often": {"task": "shop.greet", "schedule": 0.5, "args": ["beat"]}}

OPS_CELERY_METRICS_ADDRESS = os.environ.get("SHOP_METRICS_ADDRESS", "")
OPS_METRICS_TOKEN = "scrape-token"
