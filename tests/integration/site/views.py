"""One view per way in which a request can end, or be odd."""

import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse

logger = logging.getLogger("site.views")

TEMPLATE = "hello {{ name }}{% if broken %}{{ broken.value }}{% endif %}"


def number(request, name, default):
    return type(default)(request.GET.get(name, default))


def run_queries(count):
    for _ in range(count):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def ok(request):
    time.sleep(number(request, "seconds", 0.0))
    return HttpResponse(b"x" * number(request, "bytes", 2))


async def aok(request):
    await asyncio.sleep(number(request, "seconds", 0.0))
    return HttpResponse(b"x" * number(request, "bytes", 2))


def item(request, pk):
    """Say something in the log, before and after some queries; wait for a time, or a minute at most for a file."""
    logger.info("item %s begins", pk, extra={"item": pk})
    run_queries(pk % 5)
    time.sleep(number(request, "seconds", 0.0))
    deadline = time.monotonic() + 60
    while "until" in request.GET and not Path(request.GET["until"]).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    logger.info("item %s ends", pk, extra={"item": pk})
    return HttpResponse(f"item {pk}")


async def aitem(request, pk):
    from asgiref.sync import sync_to_async

    logger.info("item %s begins", pk, extra={"item": pk})
    await sync_to_async(run_queries)(pk % 5)
    await asyncio.sleep(number(request, "seconds", 0.0))
    logger.info("item %s ends", pk, extra={"item": pk})
    return HttpResponse(f"item {pk}")


def redirect(request):
    return HttpResponseRedirect("/ok")


def fail(request):
    raise ValueError("the view failed")


async def afail(request):
    raise ValueError("the view failed")


def leave(request):
    """Raise what is no Exception."""
    sys.exit(3)


def missing(request):
    raise Http404("no such thing")


def forbidden(request):
    raise PermissionDenied


def suspicious(request):
    raise SuspiciousOperation("what are you doing?")


class Broken:
    @property
    def value(self):
        raise RuntimeError("the template failed")


def template(request):
    context = {"name": "you", "broken": Broken() if "broken" in request.GET else None}
    return TemplateResponse(request, engines["django"].from_string(TEMPLATE), context)


def status(request, code):
    return HttpResponse(b"x" * number(request, "bytes", 0), status=code)


def stream(request):
    """Stream `chunks` chunks of `bytes` bytes, `seconds` apart, with a query and a line for each."""
    chunks, size, seconds = number(request, "chunks", 3), number(request, "bytes", 5), number(request, "seconds", 0.0)

    def body():
        for turn in range(chunks):
            time.sleep(seconds if turn else 0)
            logger.info("chunk %s", turn)
            run_queries(1)
            yield b"x" * size

    return StreamingHttpResponse(body())


async def astream(request):
    chunks, size, seconds = number(request, "chunks", 3), number(request, "bytes", 5), number(request, "seconds", 0.0)

    async def body():
        for turn in range(chunks):
            if seconds and turn:
                await asyncio.sleep(seconds)
            logger.info("chunk %s", turn)
            yield b"x" * size

    return StreamingHttpResponse(body())


def stream_fail(request):
    def body():
        yield b"first"
        raise RuntimeError("the stream broke")

    return StreamingHttpResponse(body())


async def astream_fail(request):
    async def body():
        yield b"first"
        raise RuntimeError("the stream broke")

    return StreamingHttpResponse(body())


def file(request):
    return FileResponse(Path(__file__).open("rb"))


def old_file(request):
    """Answer 304 to whoever has the file already."""
    return FileResponse(Path(__file__).open("rb"), headers={"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"})


def large_file(request):
    """Send 50 MB of a file without contents."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    file.truncate(50_000_000)
    return FileResponse(file)


def bad_header(request):
    """Return a response that Django lets pass and no server does."""
    response = HttpResponse(b"never sent")
    response.headers._store["bad"] = ("Bad Name", "a\x00b")
    return response


def query(request):
    run_queries(number(request, "count", 2))
    return HttpResponse(b"ok")


def upload(request):
    logger.info("the upload begins")
    return HttpResponse(str(len(request.body)))


def host(request):
    return HttpResponse(request.get_host())
