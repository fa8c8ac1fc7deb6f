"""A middleware that fails where it is told to."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def failing(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path == "/middleware-fails":
            raise LookupError("the middleware failed")
        return get_response(request)

    return middleware
