"""Mistakes in MIDDLEWARE and in the URLs: what is missing, doubled or shadowed."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.urls import ResolverMatch, resolve
from django.urls.exceptions import Resolver404
from django.utils.module_loading import import_string

from django_ops.checks.settings import is_usable
from django_ops.checks.table import mistake
from django_ops.conf import conf

OURS = "django_ops.middleware.OpsMiddleware"

_PROMETHEUS = (
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
)
_LOGGING = (
    "django_structlog.middlewares.RequestMiddleware",
    "django_structlog.middlewares.request.RequestMiddleware",
    "django_guid.middleware.guid_middleware",
    "log_request_id.middleware.RequestIDMiddleware",
    "request_logging.middleware.LoggingMiddleware",
    "dockerflow.django.middleware.DockerflowMiddleware",
)
#: Tracers, which put themselves first, or say that they must be: they begin a span, and answer nothing.
_TRACERS = (
    "opentelemetry.instrumentation.",
    "elasticapm.contrib.django.",
    "scout_apm.django.",
    "aws_xray_sdk.ext.django.",
)
_PATHS = ("OPS_LIVEZ_PATH", "OPS_READYZ_PATH", "OPS_METRICS_PATH")


def positions() -> list[int]:
    """Return where in MIDDLEWARE OpsMiddleware stands, subclasses included."""
    return [position for position, path in enumerate(settings.MIDDLEWARE) if _is_ours(path)]


def _is_ours(path: str) -> bool:
    if path == OURS:
        return True
    try:
        found = import_string(path)
    except Exception:  # Django says more about it when it builds the stack
        return False
    return any(f"{base.__module__}.{base.__qualname__}" == OURS for base in getattr(found, "__mro__", ()))


def match(path: str) -> ResolverMatch | None:
    """Return what the URLconf has at `path`, as far as it can be read."""
    try:
        return resolve(path)
    except Resolver404:
        return None
    except Exception:  # Django's own checks say what is wrong with the URLconf
        return None


@mistake("W003", "OpsMiddleware is missing", remedy=f'Put "{OURS}" at the beginning of MIDDLEWARE.')
def missing_middleware() -> Iterator[str]:
    """Without it there is no request line, no metric, no `/livez`, no `/readyz` and no `/metrics`."""
    if not positions():
        yield "MIDDLEWARE does not have OpsMiddleware."


@mistake(
    "W004",
    "OpsMiddleware is not the first",
    remedy=f'Move "{OURS}" to the beginning of MIDDLEWARE; only the middleware of a tracer may stay before it.',
)
def inner_middleware() -> Iterator[str]:
    """What stands before it is not measured, its errors are not told, and it may redirect or refuse the probes."""
    for position in positions()[:1]:
        before = [path for path in settings.MIDDLEWARE[:position] if not path.startswith(_TRACERS)]
        if before:
            yield f"MIDDLEWARE has {before[0]} before OpsMiddleware."


@mistake("E005", "OpsMiddleware stands twice", remedy="Keep the first one.")
def doubled_middleware() -> Iterator[str]:
    """Each request would give two lines and count twice."""
    if len(positions()) > 1:
        yield "MIDDLEWARE has OpsMiddleware more than once."


@mistake(
    "W005",
    "django-prometheus counts as well",
    remedy="Remove the middleware of django-prometheus: OpsMiddleware gives the same series under the same names.",
)
def django_prometheus_as_well() -> Iterator[str]:
    """It measures each request a second time; `/metrics` still shows each request once."""
    for path in settings.MIDDLEWARE:
        if path in _PROMETHEUS and positions():
            yield f"MIDDLEWARE has {path} beside OpsMiddleware."


@mistake(
    "W006",
    "Another middleware writes request lines or ids",
    remedy="Remove it, or silence this check if you want both.",
)
def second_line_as_well() -> Iterator[str]:
    """A request would give two lines with two ids, of which one is not in the response and not in the tasks."""
    for path in settings.MIDDLEWARE:
        if path in _LOGGING and positions():
            yield f"MIDDLEWARE has {path} beside OpsMiddleware."


@mistake("E006", "Two endpoints at one path", remedy="Give each a path of its own; an empty one switches it off.")
def endpoints_at_one_path() -> Iterator[str]:
    """Only one of them would be answered."""
    seen: dict[str, str] = {}
    for name in _PATHS:
        path = getattr(conf, name)
        if not is_usable(name) or not path:
            continue
        if path in seen:
            yield f"{seen[path]} and {name} are both {path!r}."
        seen.setdefault(path, name)


@mistake("W007", "A view that is never reached", remedy="Move the view, or change the setting.")
def shadowed_views() -> Iterator[str]:
    """OpsMiddleware answers at this path before the URLconf is looked at."""
    if not positions():
        return
    for name in _PATHS:
        path = getattr(conf, name)
        if not is_usable(name) or not path:
            continue
        found = match(path)
        # a route with a parameter, such as a catch-all, is meant for others
        if found is None or found.route.strip("^$/") != path.strip("/"):
            continue
        module = getattr(found.func, "__module__", "")
        if not module.startswith("django_ops."):
            yield f"{name} is {path!r}, where the URLconf has {module}.{getattr(found.func, '__name__', '?')}."


@mistake(
    "W008",
    "Readiness is switched off",
    remedy='Set OPS_READYZ_PATH to a path such as "/readyz", and let your balancer probe it.',
    deploy=True,
)
def no_readiness() -> Iterator[str]:
    """A balancer that cannot ask sends requests to a server that has no database, or that is about to stop."""
    if is_usable("OPS_READYZ_PATH") and not conf.OPS_READYZ_PATH:
        yield "OPS_READYZ_PATH is empty."
