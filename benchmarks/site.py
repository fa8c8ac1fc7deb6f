"""The site that is measured: one small page, as a sync and as an async view, and once with a query."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

CREATE = "CREATE TABLE orders (number integer PRIMARY KEY, state text NOT NULL)"
INSERT = "INSERT INTO orders VALUES (%s, 'shipped')"


def order(request: HttpRequest, number: int) -> HttpResponse:
    return JsonResponse({"number": number, "state": "shipped", "total": "19.90"})


async def order_async(request: HttpRequest, number: int) -> HttpResponse:
    return JsonResponse({"number": number, "state": "shipped", "total": "19.90"})


def order_stored(request: HttpRequest, number: int) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM orders WHERE number = %s", [number])
        (state,) = cursor.fetchone()
    return JsonResponse({"number": number, "state": state, "total": "19.90"})


urlpatterns = [
    path("sync/orders/<int:number>/", order, name="order"),
    path("async/orders/<int:number>/", order_async, name="order-async"),
    path("stored/orders/<int:number>/", order_stored, name="order-stored"),
]
