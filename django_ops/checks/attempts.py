"""Mistakes about the limit of failed sign-ins."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from django_ops.checks.table import mistake

BACKEND = "django_ops.access.attempts.backend.AttemptsBackend"
MIDDLEWARE = "django_ops.access.attempts.middleware.attempts"


@mistake(
    "W042",
    "Failed sign-ins that are limited by half",
    remedy=f'Name "{BACKEND}" first in AUTHENTICATION_BACKENDS, and "{MIDDLEWARE}" in MIDDLEWARE.',
)
def half_a_limit() -> Iterator[str]:
    """Behind another back end, passwords are hashed all the same; without the middleware, visitors are told that their
    password was wrong."""
    backends = list(settings.AUTHENTICATION_BACKENDS)
    if BACKEND in backends[1:]:
        yield f"AUTHENTICATION_BACKENDS has {BACKEND} behind {backends[0]}."
    if (BACKEND in backends) != (MIDDLEWARE in settings.MIDDLEWARE):
        missing = MIDDLEWARE if BACKEND in backends else BACKEND
        yield f"{missing} is missing in {'MIDDLEWARE' if BACKEND in backends else 'AUTHENTICATION_BACKENDS'}."
