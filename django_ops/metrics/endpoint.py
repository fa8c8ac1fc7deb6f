"""`/metrics`: for a scraper with a token or from a trusted network, or for a user with the permission."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from django_ops.conf import conf
from django_ops.guard.access import has_permission, may_read_operations
from django_ops.metrics import exposition, migrations


def answer(request: HttpRequest) -> HttpResponse | None:
    """Answer a scraper before anything else runs; None when the permission of a signed-in user must decide."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if may_read_operations(request):
        return respond(request)
    if conf.OPS_METRICS_PERMISSION and "HTTP_AUTHORIZATION" not in request.META:
        return None
    return refuse()


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """The view behind the URL name `prometheus-django-metrics`, reached through the whole middleware stack."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if may_read_operations(request) or has_permission(request):
        return respond(request)
    return refuse()


def respond(request: HttpRequest) -> HttpResponse:
    """Return the exposition in the form that the request accepts."""
    if request.method == "HEAD":
        return HttpResponse(headers={"Cache-Control": "no-store"}, content_type=CONTENT_TYPE_PLAIN_0_0_4)
    migrations.refresh()
    body, headers = exposition.expose(
        request.META.get("HTTP_ACCEPT", ""),
        request.META.get("HTTP_ACCEPT_ENCODING", ""),
        request.GET.getlist("name[]"),
    )
    return HttpResponse(body, headers=headers)


def refuse() -> HttpResponse:
    """Refuse without telling more than what a scraper's owner needs to know."""
    if conf.OPS_METRICS_TOKEN:
        return HttpResponse(
            "Send the token: Authorization: Bearer ...\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"},
        )
    return HttpResponse(
        "Metrics are closed. Set OPS_METRICS_TOKEN, OPS_METRICS_NETWORKS or OPS_METRICS_PERMISSION.\n",
        status=403,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
