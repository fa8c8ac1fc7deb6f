"""The views of the unit and integration tests."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from django.contrib.auth.models import User
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse

logger = logging.getLogger("tests.views")


def ok(request: HttpRequest) -> HttpResponse:
    """Answer 200, after the given number of seconds, with as many bytes as asked for."""
    time.sleep(float(request.GET.get("seconds", "0")))
    return HttpResponse(b"x" * int(request.GET.get("bytes", "2")))


def item(request: HttpRequest, pk: int) -> HttpResponse:
    logger.info("item %s is shown", pk, extra={"item": pk})
    return HttpResponse(f"item {pk}")


def redirect(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/ok")


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError("the view failed")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404("no such thing")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Stream `chunks` chunks of `size` bytes, `seconds` apart."""
    chunks = int(request.GET.get("chunks", "3"))
    size = int(request.GET.get("size", "5"))
    pause_seconds = float(request.GET.get("seconds", "0"))

    def body() -> Iterator[bytes]:
        for number in range(chunks):
            if number:
                time.sleep(pause_seconds)
            logger.info("chunk %s", number)
            yield b"x" * size

    return StreamingHttpResponse(body())


def stream_raise(request: HttpRequest) -> StreamingHttpResponse:
    def body() -> Iterator[bytes]:
        yield b"first"
        raise RuntimeError("the stream broke")

    return StreamingHttpResponse(body())


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"))


def template(request: HttpRequest) -> TemplateResponse:
    return TemplateResponse(request, engines["django"].from_string("hello"))


def query(request: HttpRequest) -> HttpResponse:
    for _ in range(int(request.GET.get("count", "2"))):
        User.objects.filter(pk=1).exists()
    return HttpResponse(b"ok")


async def aok(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"ok")


async def afail(request: HttpRequest) -> HttpResponse:
    raise ValueError("the view failed")


async def asleep(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(float(request.GET.get("seconds", "30")))
    return HttpResponse(b"ok")


async def astream(request: HttpRequest) -> StreamingHttpResponse:
    chunks = int(request.GET.get("chunks", "3"))
    size = int(request.GET.get("size", "5"))
    pause_seconds = float(request.GET.get("seconds", "0"))

    async def body() -> AsyncIterator[bytes]:
        for number in range(chunks):
            if number:
                await asyncio.sleep(pause_seconds)
            yield b"x" * size

    return StreamingHttpResponse(body())
