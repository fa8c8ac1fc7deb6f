"""Mistakes in MIDDLEWARE and in the URLs."""

import sys

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path, re_path

from django_ops.middleware import OpsMiddleware

OURS = "django_ops.middleware.OpsMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
BEFORE = "django_prometheus.middleware.PrometheusBeforeMiddleware"


class Subclass(OpsMiddleware):
    """As somebody extends it."""


SUBCLASS = f"{__name__}.Subclass"


def health(request):
    """A view of the project."""
    return HttpResponse()


urlpatterns = [path("taken", health), re_path("^regex$", health), path("any/<path:rest>", health)]


def stack(*middleware):
    return override_settings(MIDDLEWARE=list(middleware))


def test_missing__found(found):
    with stack(SESSIONS):
        assert found("W003") == ["MIDDLEWARE does not have OpsMiddleware."]


@pytest.mark.parametrize("ours", [OURS, SUBCLASS])
def test_missing__there(found, ours):
    with stack(ours, SESSIONS):
        assert found("W003") == []


def test_missing__other_middleware_that_cannot_be_imported(found):
    with stack("nowhere.Middleware", OURS):
        assert found("W003") == []


def test_order__not_first(found):
    with stack(SESSIONS, OURS):
        assert found("W004") == [f"MIDDLEWARE has {SESSIONS} before OpsMiddleware."]


def test_order__first(found):
    with stack(OURS, SESSIONS):
        assert found("W004") == []


TRACERS = [
    "opentelemetry.instrumentation.django.middleware.otel_middleware._DjangoMiddleware",
    "elasticapm.contrib.django.middleware.TracingMiddleware",
    "scout_apm.django.middleware.MiddlewareTimingMiddleware",
    "aws_xray_sdk.ext.django.middleware.XRayMiddleware",
]


def test_order__tracers_may_be_before(found):
    with stack(*TRACERS, OURS, SESSIONS):
        assert found("W004") == []


def test_order__what_is_behind_a_tracer_is_found(found):
    with stack(TRACERS[0], SESSIONS, OURS):
        assert found("W004") == [f"MIDDLEWARE has {SESSIONS} before OpsMiddleware."]


def test_order__missing_is_another_mistake(found):
    with stack(SESSIONS):
        assert found("W004") == []


@pytest.mark.parametrize("again", [OURS, SUBCLASS])
def test_twice__found(found, again):
    with stack(OURS, SESSIONS, again):
        assert found("E005") == ["MIDDLEWARE has OpsMiddleware more than once."]


def test_twice__once(found):
    with stack(OURS):
        assert found("E005") == []


def test_django_prometheus__as_well(found):
    with stack(OURS, BEFORE):
        assert found("W005") == [f"MIDDLEWARE has {BEFORE} beside OpsMiddleware."]


def test_django_prometheus__alone(found):
    with stack(BEFORE):
        assert found("W005") == []


def test_second_line__django_structlog(found):
    with stack(OURS, "django_structlog.middlewares.RequestMiddleware"):
        assert len(found("W006")) == 1


def test_second_line__none(found):
    with stack(OURS, SESSIONS):
        assert found("W006") == []


def test_paths__two_at_one(found):
    with override_settings(OPS_LIVEZ_PATH="/health", OPS_READYZ_PATH="/health"):
        assert found("E006") == ["OPS_LIVEZ_PATH and OPS_READYZ_PATH are both '/health'."]


def test_paths__two_switched_off(found):
    with override_settings(OPS_LIVEZ_PATH="", OPS_READYZ_PATH=""):
        assert found("E006") == []


@pytest.fixture
def urls(settings):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [OURS]


@pytest.mark.parametrize("taken", ["/taken", "/regex"])
def test_shadowed__view_of_the_project(found, urls, taken):
    with override_settings(OPS_LIVEZ_PATH=taken):
        assert found("W007") == [f"OPS_LIVEZ_PATH is {taken!r}, where the URLconf has {__name__}.health."]


def test_shadowed__catch_all_is_meant_for_others(found, urls):
    with override_settings(OPS_LIVEZ_PATH="/any/livez"):
        assert found("W007") == []


def test_shadowed__our_own_view(found, settings):
    settings.ROOT_URLCONF = "django_ops.urls"
    settings.MIDDLEWARE = [OURS]
    assert found("W007") == []


def test_shadowed__urlconf_that_cannot_be_imported(found, settings):
    settings.ROOT_URLCONF = "nowhere.urls"
    settings.MIDDLEWARE = [OURS]
    assert found("W007") == []


def test_shadowed__without_the_middleware(found, urls):
    with override_settings(OPS_LIVEZ_PATH="/taken", MIDDLEWARE=[]):
        assert found("W007") == []


def test_readiness__switched_off(found):
    with override_settings(OPS_READYZ_PATH=""):
        assert found("W008") == ["OPS_READYZ_PATH is empty."]


def test_readiness__on(found):
    assert found("W008") == []


def test_checks__do_not_import_the_middleware_themselves():
    """They are siblings: import-linter keeps them apart."""
    import subprocess

    code = "import sys, django_ops.checks as c; c.mistakes(); assert 'django_ops.middleware' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
