"""Pages that misbehave on purpose, so that the log and the metrics have something to show."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect, render

from stack.demo.delay import delay_seconds
from stack.inventory.models import Server

logger = logging.getLogger(__name__)

STREAM_CHUNKS = 20
#: What /demo/status/<n>/ answers with: the client's mistakes, and the server's that are not exceptions.
STATUSES = (400, 401, 403, 404, 405, 409, 410, 418, 422, 429, 500, 502, 503)


class DemoError(Exception):
    """Raised on purpose."""


def index(request: HttpRequest) -> HttpResponse:
    """List the misbehaving pages."""
    return render(request, "demo/index.html")


def error(request: HttpRequest) -> HttpResponse:
    """Raise an exception that has a cause, as real ones do."""
    try:
        return HttpResponse({}["missing"])
    except KeyError as cause:
        raise DemoError("this page raises an exception on purpose") from cause


def slow(request: HttpRequest) -> HttpResponse:
    """Answer after `?seconds=`."""
    seconds = delay_seconds(request.GET.get("seconds", "1"))
    time.sleep(seconds)
    return HttpResponse(f"This took {seconds:g} s on purpose.\n", content_type="text/plain")


def redirected(request: HttpRequest) -> HttpResponseRedirect:
    """Send the client to the list of servers."""
    return redirect("inventory:servers")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Send STREAM_CHUNKS lines, spread over `?seconds=`."""
    pause_seconds = delay_seconds(request.GET.get("seconds", "1")) / STREAM_CHUNKS
    return StreamingHttpResponse(_lines(pause_seconds), content_type="text/plain")


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    """Raise an exception when the status and half of the body are sent already."""
    return StreamingHttpResponse(_lines(0.0, broken_after=STREAM_CHUNKS // 2), content_type="text/plain")


def queries(request: HttpRequest) -> HttpResponse:
    """Load the servers as one should not: a query for each."""
    names = [f"{server} in {server.data_centre}" for server in Server.objects.all()[:50]]
    logger.warning("A page made a query for each row", extra={"rows": len(names)})
    return HttpResponse("\n".join([*names, ""]), content_type="text/plain")


def status(request: HttpRequest, status: int) -> HttpResponse:
    """Answer with one of STATUSES; with 404 for any other."""
    if status not in STATUSES:
        status = 404
    return HttpResponse(f"This page answers {status} on purpose.\n", status=status, content_type="text/plain")


def _lines(pause_seconds: float, broken_after: int = STREAM_CHUNKS) -> Iterator[str]:
    for number in range(1, STREAM_CHUNKS + 1):
        if number > broken_after:
            raise DemoError("this stream breaks on purpose")
        yield f"line {number} of {STREAM_CHUNKS}\n" + " " * 1024 + "\n"
        time.sleep(pause_seconds)
