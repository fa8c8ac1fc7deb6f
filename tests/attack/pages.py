"""All pages of the reference project, as its URLconf has them: `admin/inventory/server/<path:object_id>/change/`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

#: Answered before the URLconf is asked.
ENDPOINTS = ("livez", "readyz", "metrics", "_ops/gate/flower/auth")

_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


def routes() -> list[str]:
    """Return every route, without the slash in front; what varies is in angle brackets."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stack.config.settings")
    os.environ.setdefault("DJANGO_SECRET_KEY", "only the URLconf is read")
    import django
    from django.urls import get_resolver

    django.setup()
    return [*ENDPOINTS, *dict.fromkeys(_walk(get_resolver().url_patterns, ""))]


def _walk(patterns: Iterable[Any], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + _GROUP.sub(r"<\1>", str(pattern.pattern)).strip("^$").replace("\\Z", "")
        if hasattr(pattern, "url_patterns"):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route
