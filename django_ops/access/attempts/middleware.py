"""Says 429 where a sign-in was refused: views take it for a wrong password, and would let the visitor try on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from django_ops.access.attempts.backend import WAIT_ATTRIBUTE


@sync_and_async_middleware
def attempts(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Replace the answer to a request whose sign-in was refused."""
    if iscoroutinefunction(get_response):

        async def ahandle(request: HttpRequest) -> HttpResponseBase:
            return _answer(request, await get_response(request))

        return ahandle

    def handle(request: HttpRequest) -> HttpResponseBase:
        return _answer(request, get_response(request))

    return handle


def _answer(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    seconds = getattr(request, WAIT_ATTRIBUTE, None)
    if seconds is None:
        return response
    response.close()
    refusal = HttpResponse(
        f"Too many sign-ins have failed. Try again in {seconds} seconds.\n",
        "text/plain; charset=utf-8",
        429,
        headers={"Retry-After": str(seconds), "Cache-Control": "no-store"},
    )
    refusal._has_been_logged = True  # type: ignore[attr-defined]  # the back end has told of it
    return refusal
