"""What the processes of a site tell each other by Django's cache: that users, or what they may, have changed."""

from __future__ import annotations

import secrets

from django.core.cache import cache

_KEY = "django_ops.access.gate.changed"


def tell() -> None:
    """Tell all who share the cache. Raises what the cache raises."""
    cache.set(_KEY, secrets.token_hex(8), timeout=None)


def latest() -> object:
    """Return what stands for the latest change: equal to what it was before if there was none.

    Where the cache cannot be read it is never equal, so that nothing remembered counts.
    """
    try:
        return cache.get(_KEY)
    except Exception:
        return object()
