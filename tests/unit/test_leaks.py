"""What is left behind when a request has ended: nothing."""

import gc
import logging
import os
import sys
from contextlib import contextmanager
from itertools import pairwise
from statistics import median

import pytest
from django.http import HttpResponse

from django_ops.exchange import Exchange
from django_ops.logs.standard_output import StandardOutputHandler
from django_ops.record.context import current
from tests import urls as tests_urls
from tests.unit.handlers import Asgi, Wsgi

pytestmark = pytest.mark.usefixtures("connections_are_kept")


@contextmanager
def unheard():
    """Write lines as in production, without those who keep their records, as pytest does."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = [StandardOutputHandler(descriptor=descriptor)]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        os.close(descriptor)


class PlainErrors:
    """The URLs of the tests with plain error pages: Django's own leave cycles where there is no template."""

    urlpatterns = tests_urls.urlpatterns
    handler404 = handler500 = staticmethod(lambda request, **kwargs: HttpResponse("sorry"))


def exchanges():
    """Return every measuring since the last `gc.freeze` that something still holds."""
    return [thing for thing in gc.get_objects() if type(thing) is Exchange]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        *((Wsgi, path) for path in ("/ok", "/stream", "/astream", "/raise", "/nowhere", "/redirect", "/stream-raise")),
        # but for a stream that raises: Django's handler keeps the task in whose traceback it is
        *((Asgi, path) for path in ("/ok", "/stream", "/astream", "/raise", "/nowhere", "/redirect", "/aok")),
    ],
)
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_nothing__survives_its_request(settings, kind, path):
    settings.ROOT_URLCONF = PlainErrors
    server = kind()

    def serve(count):
        with unheard():
            server.get_often(path, count)

    serve(3)  # what is imported and remembered with the first request may stay
    gc.disable()
    gc.freeze()  # what other tests have left is not looked at: it takes longer than the requests
    try:
        serve(50)
        assert exchanges() == []
    finally:
        gc.unfreeze()
        gc.enable()


def test_context__is_none_after_a_request(records):
    Wsgi().get("/ok")
    assert current.get() is None


@pytest.mark.parametrize("path", ["/raise", "/stream", "/nowhere"])
def test_context__is_none_after_other_ends(records, path):
    Wsgi().get(path)
    assert current.get() is None


def test_memory__is_flat_once_what_is_remembered_has_reached_its_bounds():
    server = Wsgi()

    def serve(first, count):
        for number in range(first, first + count):
            server.get(
                f"/items/{number}/" if number % 2 else f"/nowhere/{number}",
                HTTP_X_REQUEST_ID=f"id-{number}",
                HTTP_USER_AGENT=f"agent {number}",
                HTTP_X_FORWARDED_FOR=f"203.0.113.{number % 250}, 198.51.100.{number}",
                REMOTE_ADDR=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            )
        gc.collect()
        return sys.getallocatedblocks()

    with unheard():
        # a table that is full is emptied: after as many requests as it holds, it is as full as before
        blocks = [serve(0, 2 * 1024)]
        blocks += [serve(number * 100_000, 1024) for number in (1, 2, 3)]
    grown = [after - before for before, after in pairwise(blocks)]
    # A leak of one object in each twentieth request grows by 50 blocks each time. Without one it is up to 30 the first
    # time, and was 66 once, as what is remembered finds its size; then it is fewer than 10.
    assert median(grown) < 50, grown
