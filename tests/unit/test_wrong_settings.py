"""A setting of a wrong type, such as a string from the environment: nothing that is measured suffers or is lost."""

import pytest
from celery import Celery
from django.apps import apps
from django.core.cache import caches
from django.test import override_settings

import django_ops.celery
from django_ops.conf import Configuration
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.facts import Rules
from django_ops.metrics import catalog
from django_ops.metrics import store as stores
from django_ops.metrics.lost import hand_to
from django_ops.testing import capture_lines
from tests.unit.handlers import Asgi, Wsgi

assert django_ops.celery
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("connections_are_kept")]

#: All that is read while a request or task is told of.
READ_WHEN_TOLD = [
    "OPS_ENVIRONMENT", "OPS_LOG_QUERY_KEYS", "OPS_METRICS_LABEL_LIMIT", "OPS_METRICS_LATENCY_BUCKETS",
    "OPS_METRICS_MODELS", "OPS_READYZ_PATH", "OPS_SERVICE_NAME", "OPS_SERVICE_VERSION",
]  # fmt: skip
WRONG = ["500", 7, None, [1], b"500"]


@pytest.fixture
def work():
    """Serve a request in each mode, run a task, and ask the database and a cache; return the lines."""

    @Celery("wrong", set_as_current=False).task(name="wrong.task", shared=False)
    def task():
        caches["default"].get("key")

    def work():
        with capture_lines() as lines:
            Wsgi().get("/ok")
            Asgi().get("/ok")
            task.apply()
        return [line["log.logger"] for line in lines]

    yield work
    stores.forget()


def test_measuring__survives_a_setting_of_a_wrong_type(work):
    offenders = []
    for name in READ_WHEN_TOLD:
        for value in (wrong for wrong in WRONG if getattr(Configuration, name).problem(wrong) is not None):
            stores.forget()
            with override_settings(**{name: value}):
                told = work()
            is_counted = (catalog.TASKS.name, "wrong.task", "success") in stores.active().offsets
            if told != ["django_ops.request", "django_ops.request", "django_ops.task"] or not is_counted:
                offenders.append((name, value, told, is_counted))
    assert offenders == []


@pytest.mark.parametrize("value", ["10.0.0.0/8", 7, None])
def test_trusted_proxies__of_a_wrong_type_are_refused_by_name(value):
    with (
        pytest.raises(ImproperlyConfiguredError, match=r"^OPS_TRUSTED_PROXIES must be"),
        override_settings(OPS_TRUSTED_PROXIES=value),
    ):
        Rules()


def test_hidden_keys__of_a_wrong_type_are_refused_by_name():
    with (
        override_settings(OPS_LOG_HIDDEN_KEYS="iban"),
        pytest.raises(ImproperlyConfiguredError, match=r"^OPS_LOG_HIDDEN_KEYS must be"),
    ):
        apps.get_app_config("ops").ready()


def test_hand_to__raises_nothing_and_counts_what_was_lost(monkeypatch, capsys):
    store = stores.active()
    offset = catalog.RECORDS_LOST.offset(store, "metrics")
    before = store.buffer[offset]
    hand_to("metrics", catalog.GATE_WEBSOCKETS.inc, "one", "label too many")
    assert store.buffer[offset] == before + 1.0
    monkeypatch.setattr(catalog.RECORDS_LOST, "inc", lambda sink: 1 / 0)
    hand_to("metrics", catalog.GATE_WEBSOCKETS.inc, "one", "label too many")
