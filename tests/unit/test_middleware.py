"""The shell around each request: what it costs its neighbours, what it tells, and what it leaves behind."""

import asyncio
import gc
import threading
from contextvars import copy_context

import django
import pytest
from asgiref.sync import AsyncToSync, SyncToAsync, iscoroutinefunction
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import sync_and_async_middleware

from django_ops.health import drain
from django_ops.middleware import OpsMiddleware
from django_ops.record.outcome import Outcome
from django_ops.testing import capture_lines
from tests import views
from tests.unit.handlers import Asgi, Wsgi, environ, outcomes, scope

OPS = "django_ops.middleware.OpsMiddleware"
TRACED = "tests.integration.site.middleware.traced"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"

#: Django's ASGI handler does not close the request's body when sending raises.
LEAVES_ITS_FILE_OPEN = pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")

pytestmark = pytest.mark.usefixtures("connections_are_kept")


@pytest.fixture(params=[Wsgi, Asgi])
def server(request):
    """Django behind each of its two interfaces."""
    return request.param()


# Spans ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("middleware", [[OPS, TRACED], [TRACED, OPS]], ids=["ours first", "theirs first"])
def test_span__of_opentelemetry_is_that_of_every_line(server, settings, middleware):
    settings.MIDDLEWARE = middleware
    server = type(server)()
    with capture_lines() as lines:
        server.get("/items/17/")
    assert [line["log.logger"] for line in lines] == ["tests.views", "django_ops.request"]
    assert {f"{line['trace']['id']}-{line['span']['id']}" for line in lines} == {server.headers["Span"]}
    assert {line["http"]["request"]["id"] for line in lines} == {server.headers["X-Request-ID"]}


# Threads --------------------------------------------------------------------------------------------------------


def count_crossings(monkeypatch, middleware, settings, path):
    """Return how often a request crosses threads."""
    settings.MIDDLEWARE = middleware
    server = Asgi()
    crossings = []
    for kind in (SyncToAsync, AsyncToSync):
        call = kind.__call__

        def counting(self, *args, call=call, **kwargs):
            crossings.append(self)
            return call(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__call__", counting)
    server.get(path)
    monkeypatch.undo()
    return len(crossings)


@pytest.mark.parametrize("path", ["/aok", "/ok", "/astream", "/araise", "/nowhere"])
def test_async__crosses_no_thread_for_its_own_sake(monkeypatch, settings, path):
    without = count_crossings(monkeypatch, [], settings, path)
    assert count_crossings(monkeypatch, [OPS], settings, path) == without


def test_async__stays_in_the_thread_of_the_loop(records):
    threads = []

    async def get_response(request):
        threads.append(threading.get_ident())
        return HttpResponse()

    async def serve():
        response = await OpsMiddleware(get_response)(request_of(scope("/ok")))
        response.close()
        return threading.get_ident()

    assert [asyncio.run(serve())] == threads
    assert outcomes(records) == [(Outcome.OK, 200)]


def request_of(its_scope):
    from io import BytesIO

    return ASGIHandler.request_class(its_scope, BytesIO())


def connection_header(**of_scope):
    """Return what an ASGI server is told of its connection."""
    server = Asgi()
    application = server.application

    async def with_scope(its_scope, receive, send):
        await application({**its_scope, **of_scope}, receive, send)

    server.application = with_scope
    return dict(server.get("/aok")[0]["headers"]).get(b"Connection")


@pytest.fixture
def draining(monkeypatch):
    monkeypatch.setattr(drain.board, "seen_at", 1.0)
    yield
    drain.board.seen_at = 0.0


def test_connection__is_kept_by_default():
    assert connection_header() is None


@pytest.mark.parametrize(("version", "told"), [("1.1", b"close"), ("1.0", b"close"), ("2", None), ("3", None)])
def test_connection__is_closed_while_an_asgi_server_drains(draining, version, told):
    assert connection_header(http_version=version) == told


def test_connection__is_for_a_wsgi_server_to_close(draining):
    server = Wsgi()
    server.get("/ok")
    assert "Connection" not in server.headers


def test_middleware__is_a_coroutine_function_in_front_of_one():
    async def get_response(request):
        return HttpResponse()

    assert iscoroutinefunction(OpsMiddleware(get_response))


def test_middleware__is_none_in_front_of_a_function():
    assert not iscoroutinefunction(OpsMiddleware(lambda request: HttpResponse()))


def test_listening__is_installed_once():
    OpsMiddleware(views.aok)
    first = ASGIHandler.handle
    OpsMiddleware(views.aok)
    assert ASGIHandler.handle is first


# Exceptions -----------------------------------------------------------------------------------------------------


def broken(request, *args, **kwargs):
    raise RuntimeError("the error page failed as well")


handler500 = broken
urlpatterns = [path("raise", views.fail)]


def test_exception__in_the_error_page_is_one_exception(settings, records):
    settings.ROOT_URLCONF = __name__
    with pytest.raises(RuntimeError):
        Wsgi().get("/raise")
    assert outcomes(records) == [(Outcome.EXCEPTION, 500)]


def test_exception__that_is_to_propagate(settings, records):
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    with pytest.raises(ValueError, match="the view failed"):
        Wsgi().get("/raise")
    assert outcomes(records) == [(Outcome.EXCEPTION, 500)]


@pytest.mark.parametrize("path", ["/raise", "/araise"])
def test_exception__is_told(server, records, path):
    server.get(path)
    assert outcomes(records) == [(Outcome.EXCEPTION, 500)]
    assert isinstance(records[0].error, ValueError)


def test_exception__is_one_line(server):
    with capture_lines() as lines:
        server.get("/raise")
    assert [line["log.logger"] for line in lines] == ["django_ops.request"]


@pytest.mark.filterwarnings("ignore:.*will not have a default mailer")  # that is a site's choice, and Django's to tell
def test_exception__is_mailed_to_the_admins_as_before(server, settings, mailoutbox):
    address = "admin@example.com"
    settings.ADMINS = [address if django.VERSION >= (6,) else ("Admin", address)]
    server.get("/raise")
    assert ["Internal Server Error: /raise" in mail.subject for mail in mailoutbox] == [True]


def test_not_found__is_one_line(server):
    with capture_lines() as lines:
        server.get("/nowhere")
    assert [line["log.logger"] for line in lines] == ["django_ops.request"]


@sync_and_async_middleware
def handling(get_response):
    """A middleware that answers what the view raised."""

    def middleware(request):
        return get_response(request)

    async def amiddleware(request):
        return await get_response(request)

    chosen = amiddleware if iscoroutinefunction(get_response) else middleware
    chosen.process_exception = lambda request, exception: HttpResponse("handled", status=409)
    return chosen


def test_exception__that_a_middleware_answers_is_none(server, settings, records):
    settings.MIDDLEWARE = [OPS, f"{__name__}.handling"]
    type(server)().get("/raise")
    assert outcomes(records) == [(Outcome.OK, 409)]


def test_response__that_the_server_refuses_to_begin(records):
    server = Wsgi()

    def start_response(status, headers, exc_info=None):
        raise ValueError("a header that is none")

    # nobody closes the response, so it stays the current request of its context
    with pytest.raises(ValueError, match="none"):
        copy_context().run(server.application, environ("/ok"), start_response)
    assert outcomes(records) == [(Outcome.CANCELLED, 500)]


@LEAVES_ITS_FILE_OPEN
def test_response__that_the_asgi_server_refuses_to_begin(records):
    async def serve():
        async def receive():
            if asked:
                await asyncio.sleep(60)
            asked.append(1)
            return {"type": "http.request"}

        async def send(message):
            raise RuntimeError("no")

        asked = []
        await Asgi().application(scope("/ok"), receive, send)

    with pytest.raises(RuntimeError, match="no"):
        asyncio.run(serve())
    assert outcomes(records) == [(Outcome.CANCELLED, 500)]
    gc.collect()


# Lines and queries ----------------------------------------------------------------------------------------------


def test_lines__of_the_application_bear_the_ids(server):
    with capture_lines() as lines:
        server.get("/items/7/")
    assert {line["http"]["request"]["id"] for line in lines} == {lines[-1]["http"]["request"]["id"]}
    assert [line["log.logger"] for line in lines] == ["tests.views", "django_ops.request"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic", [False, True])
def test_queries__are_counted_with_atomic_requests_too(settings, records, atomic):
    from django.db import connection

    connection.settings_dict["ATOMIC_REQUESTS"] = atomic
    try:
        Wsgi().get("/query?count=3")
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    # BEGIN runs through the driver's cursor as a statement of its own
    assert records[0].db_count == 3 + atomic


@pytest.mark.django_db
def test_queries__of_a_request_without_any(server, records):
    server.get("/ok")
    assert (records[0].db_count, records[0].db_duration_ns) == (0, 0)


# Endpoints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/livez", "/metrics"])
def test_endpoint__is_answered_without_a_record(server, records, path):
    server.get(path)
    assert records == []


def test_endpoint__that_is_switched_off_is_a_path_like_others(settings, records):
    settings.OPS_LIVEZ_PATH = ""
    Wsgi().get("/livez")
    assert outcomes(records) == [(Outcome.UNROUTED, 404)]


def test_endpoint__that_leaves_it_to_the_view_is_not_told(settings, records):
    settings.OPS_METRICS_PERMISSION = "auth.view_user"
    settings.ROOT_URLCONF = __name__
    server = Wsgi()
    server.get("/metrics")
    assert server.status == "404 Not Found"
    assert records == []
