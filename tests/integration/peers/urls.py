"""A view for each kind of answer."""

from __future__ import annotations

from django.core.cache import cache
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import include, path

from tests.integration.peers.models import Item


def ok(request: HttpRequest, status: int = 200) -> HttpResponse:
    return HttpResponse(b"x" * 100, status=status)


def latin(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"x", content_type="text/html; charset=latin-1")


def redirect(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/ok")


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError("the view failed")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse([b"x" * 300, b"x" * 400])


def template(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, "hello.txt")


def compiled(request: HttpRequest) -> TemplateResponse:
    """As views do that choose their template themselves."""
    return TemplateResponse(request, engines["django"].from_string("hello"))


def stored(request: HttpRequest) -> HttpResponse:
    """Three statements, of which one fails; and two rows of one more."""
    Item.objects.count()
    Item.objects.filter(name="x").exists()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing")
    except DatabaseError:
        pass
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO peers_item (name) VALUES (%s)", [["many-1"], ["many-2"]])
    return HttpResponse(b"x")


def saved(request: HttpRequest) -> HttpResponse:
    item = Item.objects.create(name="saved")
    item.save()
    item.save()
    item.delete()
    Item(pk=999, name="with a key").save()
    return HttpResponse(b"x")


def cached(request: HttpRequest) -> HttpResponse:
    cache.set("one", 1)
    cache.set("zero", 0)
    cache.get("one")
    cache.get("absent")
    answers = [cache.get("zero", "default"), *cache.get_many(["one", "absent"]).values()]
    cache.delete("one")
    return HttpResponse(repr(answers))


shop = [path("ok", ok, name="ok")]

urlpatterns = [
    path("ok", ok, name="ok"),
    path("shop/", include((shop, "shop"))),
    path("status/<int:status>", ok, name="status"),
    path("unnamed", ok),
    path("latin", latin, name="latin"),
    path("redirect", redirect, name="redirect"),
    path("fail", fail, name="fail"),
    path("missing", missing, name="missing"),
    path("forbidden", forbidden, name="forbidden"),
    path("suspicious", suspicious, name="suspicious"),
    path("stream", stream, name="stream"),
    path("template", template, name="template"),
    path("compiled", compiled, name="compiled"),
    path("stored", stored, name="stored"),
    path("saved", saved, name="saved"),
    path("cached", cached, name="cached"),
]
