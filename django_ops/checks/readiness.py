"""Mistakes that keep readiness from telling the truth, or a stop from being noticed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from django.conf import settings
from django.core.cache import caches
from django.db import connections

from django_ops.checks.settings import is_usable
from django_ops.checks.table import mistake
from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.extras import install_line
from django_ops.health.resolve import OPTIONAL, resolve

#: `docker stop` kills after 10 s, Kubernetes after 30 s, where they are not told otherwise.
_DOCKER_PATIENCE_SECONDS = 10.0


@mistake("E008", "Readiness check that does not exist", remedy="Correct the entry of OPS_READYZ_CHECKS.")
def unknown_readiness_checks() -> Iterator[str]:
    """The site would never be ready."""
    if not is_usable("OPS_READYZ_CHECKS"):
        return
    for entry in conf.OPS_READYZ_CHECKS:
        try:
            resolve([entry])
        except ImproperlyConfiguredError as error:
            yield str(error)
        except Exception as error:
            yield f"OPS_READYZ_CHECKS has {entry!r}, whose import raises {type(error).__name__}: {error}"
        else:
            yield from _missing_parts(entry)


def _missing_parts(entry: object) -> Iterator[str]:
    if not isinstance(entry, str):
        return
    kind, _, alias = entry.removeprefix(OPTIONAL).partition(":")
    if kind in ("database", "migrations") and alias and alias not in connections:
        yield f"OPS_READYZ_CHECKS has {entry!r}, and DATABASES has no {alias!r}."
    elif kind == "cache" and alias and alias not in caches.settings:
        yield f"OPS_READYZ_CHECKS has {entry!r}, and CACHES has no {alias!r}."
    elif kind == "broker" and importlib.util.find_spec("celery") is None:
        yield f"OPS_READYZ_CHECKS has {entry!r}, and Celery is not installed. Run: {install_line('celery')}"


@mistake("E009", "Readiness without time", remedy="Set OPS_READYZ_TIMEOUT_SECONDS to about 2.")
def no_time_for_readiness() -> Iterator[str]:
    """Each check would have missed its deadline before it began."""
    if is_usable("OPS_READYZ_TIMEOUT_SECONDS") and conf.OPS_READYZ_TIMEOUT_SECONDS == 0:
        yield "OPS_READYZ_TIMEOUT_SECONDS is 0."


@mistake(
    "W021",
    "A stop that nobody is told of",
    remedy="Set OPS_DRAIN_SECONDS to more than the period of your probe, or call `manage.py ops_drain` before each"
    " stop.",
    deploy=True,
)
def no_time_to_drain() -> Iterator[str]:
    """The listener closes as soon as readiness turns 503, so the balancer learns of it by failed requests."""
    if is_usable("OPS_DRAIN_SECONDS") and conf.OPS_DRAIN_SECONDS == 0:
        yield "OPS_DRAIN_SECONDS is 0."


@mistake(
    "W022",
    "A drain that is killed",
    remedy="Shorten OPS_DRAIN_SECONDS, or raise stop_grace_period (Docker) or terminationGracePeriodSeconds"
    " (Kubernetes) above it and silence this check.",
    deploy=True,
)
def drain_longer_than_patience() -> Iterator[str]:
    """Docker kills 10 s and Kubernetes 30 s after SIGTERM; requests that are still served then are lost."""
    if is_usable("OPS_DRAIN_SECONDS") and conf.OPS_DRAIN_SECONDS >= _DOCKER_PATIENCE_SECONDS:
        yield f"OPS_DRAIN_SECONDS is {conf.OPS_DRAIN_SECONDS:g}, and requests are finished after that."


@mistake(
    "I003",
    "Kept connections that are not checked",
    remedy='Set "CONN_HEALTH_CHECKS": True for the database.',
    deploy=True,
)
def unchecked_connections() -> Iterator[str]:
    """After a restart of the database each worker fails one request, although readiness is right to say ok."""
    for alias in connections:
        database = settings.DATABASES.get(alias, {})
        keeps = database.get("CONN_MAX_AGE", 0) != 0
        if keeps and not database.get("CONN_HEALTH_CHECKS"):
            yield f"DATABASES: {alias} has CONN_MAX_AGE without CONN_HEALTH_CHECKS."
