"""Can the URLconf be loaded? Django does it with the first request: a server whose URLconf is broken starts well."""

from __future__ import annotations

from django.urls import get_resolver

from django_ops.health.check import Check


def load() -> None:
    """Import the URLconf with all that it includes, and compile its patterns. Raises whatever is wrong with it."""
    get_resolver().reverse_dict  # noqa: B018 - it is made of all of that


#: A large site may miss the deadline: the runner lets it load on, and does not begin it a second time.
URLCONF = Check("ROOT_URLCONF", load)
