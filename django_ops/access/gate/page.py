"""The page that lists the UIs that its reader may open."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe

from django_ops.access.gate.health import State, board
from django_ops.access.gate.registry import Service, services
from django_ops.exceptions import ImproperlyConfiguredError

logger = logging.getLogger("django_ops.access.gate")

#: What the page says of a UI.
WORDS = {State.UP: "answers", State.DOWN: "does not answer", State.SLOW: "answers slowly"}


def open_to(user: Any) -> Iterator[Service]:
    """Yield the UIs that a user may open; none where the registry cannot be used, which is logged."""
    try:
        every = services().values()
    except ImproperlyConfiguredError as error:
        logger.error("%s", error)
        return
    yield from (service for service in every if user.is_active and user.has_perm(service.permission))


@require_safe
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """List the UIs with their health, to whoever is signed in."""
    found = list(open_to(request.user))
    states = board.states(found)
    context = {
        "title": "Internal UIs",
        "base": "ops_gate/base.html",
        "entries": [
            {"service": service, "state": states[service.name].value, "words": WORDS[states[service.name]]}
            for service in found
        ],
    }
    context.update(_admin_context(request))
    response = TemplateResponse(request, "ops_gate/page.html", context)
    add_never_cache_headers(response)
    return response


def _admin_context(request: HttpRequest) -> dict[str, Any]:
    """Return what makes the page look at home beside the admin, where there is one and the reader may use it."""
    if not apps.is_installed("django.contrib.admin"):
        return {}
    from django.contrib import admin

    try:
        reverse("admin:index")
    except NoReverseMatch:
        return {}
    if not admin.site.has_permission(request):
        return {}
    return {**admin.site.each_context(request), "base": "admin/base_site.html"}
