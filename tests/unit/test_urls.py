"""`include("django_ops.urls")`."""

import importlib

import pytest
from django.test import override_settings

from django_ops import urls

PATHS = {
    "OPS_LIVEZ_PATH": "ops-livez",
    "OPS_READYZ_PATH": "ops-readyz",
    "OPS_METRICS_PATH": "prometheus-django-metrics",
}


@pytest.fixture
def included():
    """Read the settings anew, and return name and path of what is included."""

    def read(**paths):
        with override_settings(**paths):
            return {pattern.name: str(pattern.pattern) for pattern in importlib.reload(urls).urlpatterns}

    yield read
    importlib.reload(urls)


def test_endpoints__are_where_the_settings_say(included):
    assert included(OPS_LIVEZ_PATH="/ops/alive") == {
        "ops-livez": "ops/alive",
        "ops-readyz": "readyz",
        "prometheus-django-metrics": "metrics",
    }


@pytest.mark.parametrize("setting", PATHS)
def test_endpoint_that_is_off__is_off(included, setting):
    assert {*PATHS.values()} - {*included(**{setting: ""})} == {PATHS[setting]}
