"""What a recycled worker served: enough views, methods and statuses that an exposition has its usual length."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path

#: One request in six finds no view at all.
SECTIONS = ("orders", "customers", "invoices", "stock", "carts", "nowhere")


def page(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse("x" * 40 * number)


def moved(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponseRedirect(f"/orders/{number}/")


def gone(request: HttpRequest, number: int) -> HttpResponse:
    raise Http404


urlpatterns = [
    path("orders/<int:number>/", page, name="order"),
    path("customers/<int:number>/", page, name="customer"),
    path("invoices/<int:number>/", moved, name="invoice"),
    path("stock/<int:number>/", page, name="stock"),
    path("carts/<int:number>/", gone, name="cart"),
]
if "django_prometheus" in settings.INSTALLED_APPS:
    from django_prometheus.exports import ExportToDjangoView

    urlpatterns.append(path("metrics", ExportToDjangoView, name="prometheus-django-metrics"))
