"""`/metrics`: for a scraper with a token or from a trusted network, or for a user with the permission."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.guard.access import has_permission, may_read_operations
from django_ops.metrics import exposition, migrations, unshared

_METHODS = ("GET", "HEAD")


def answer(request: HttpRequest) -> HttpResponse | None:
    """Answer a scraper before anything else runs; None when the permission of a signed-in user must decide."""
    if request.method not in _METHODS:
        return _unlogged(HttpResponseNotAllowed(_METHODS))
    if may_read_operations(request):
        return respond(request)
    if conf.OPS_METRICS_PERMISSION and "HTTP_AUTHORIZATION" not in request.META:
        return None
    return refuse()


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """The view behind the URL name `prometheus-django-metrics`, reached through the whole middleware stack."""
    if request.method not in _METHODS:
        return _unlogged(HttpResponseNotAllowed(_METHODS))
    if may_read_operations(request) or has_permission(request):
        return respond(request)
    return refuse()


def respond(request: HttpRequest) -> HttpResponse:
    """Return the exposition in the form that the request accepts."""
    if request.method == "HEAD":
        return HttpResponse(headers={"Cache-Control": "no-store"}, content_type=CONTENT_TYPE_PLAIN_0_0_4)
    unshared.look(request.META.get("SERVER_PORT", ""))
    migrations.refresh()
    body, headers = exposition.expose(
        request.META.get("HTTP_ACCEPT", ""),
        request.META.get("HTTP_ACCEPT_ENCODING", ""),
        request.GET.getlist("name[]"),
    )
    return HttpResponse(body, headers=headers)


def refuse() -> HttpResponse:
    """Refuse without telling more than what a scraper's owner needs to know."""
    if _has_token():
        text, status, headers = "Send the token: Authorization: Bearer ...\n", 401, {"WWW-Authenticate": "Bearer"}
    else:
        text = "Metrics are closed. Set OPS_METRICS_TOKEN, OPS_METRICS_NETWORKS or OPS_METRICS_PERMISSION.\n"
        status, headers = 403, {}
    headers["Cache-Control"] = "no-store"
    return _unlogged(HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=headers))


def _has_token() -> bool:
    try:
        return bool(conf.OPS_METRICS_TOKEN)
    except ImproperlyConfiguredError:  # a file that cannot be read: the guard has logged it
        return True


def _unlogged(response: HttpResponse) -> HttpResponse:
    """Keep Django from warning of a 4xx: a scrape is not logged, whatever comes of it."""
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
