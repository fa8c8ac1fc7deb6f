"""One request and its response while they last: who ends it, when, and as what."""

import asyncio
import gc

import pytest
from django.http import HttpResponse, StreamingHttpResponse, UnreadablePostError
from django.test import Client, RequestFactory
from django.urls import path

from django_ops.exchange import Exchange
from django_ops.facts import Rules
from django_ops.metrics import observe
from django_ops.record.context import current
from django_ops.record.outcome import Outcome
from tests.unit.handlers import outcomes

pytestmark = pytest.mark.usefixtures("connections_are_kept")


@pytest.fixture(autouse=True)
def _no_request_before_or_after():
    assert current.get() is None
    yield
    current.set(None)


@pytest.fixture
def counted(monkeypatch):
    """The records that the metrics are told."""
    told = []
    monkeypatch.setattr(observe, "observe_request", told.append)
    return told


def begin(path="/ok", method="GET", **headers):
    return Exchange(RequestFactory().generic(method, path, **headers), Rules())


def test_close__tells_both_sinks_once(records, counted):
    exchange = begin()
    response = exchange.respond(HttpResponse(b"ok"))
    response.close()
    response.close()
    exchange.close()
    exchange.abandon()
    exchange.abort(SystemExit())
    assert len(records) == len(counted) == 1
    assert records == counted


def test_respond__names_the_request(records):
    exchange = begin()
    response = exchange.respond(HttpResponse())
    assert response["X-Request-ID"] == exchange.context.request_id
    assert response.headers["x-request-id"] == exchange.context.request_id
    response.close()


def test_respond__replaces_an_id_that_the_application_set(records):
    exchange = begin()
    response = exchange.respond(HttpResponse(headers={"x-request-id": "mine"}))
    assert [value for name, value in response.items() if name.lower() == "x-request-id"] == [
        exchange.context.request_id
    ]
    response.close()


@pytest.mark.parametrize(("peer", "client"), [("192.0.2.1", "192.0.2.1"), ("10.0.0.2", "203.0.113.9")])
def test_client__is_the_one_whom_a_trusted_proxy_names(settings, records, peer, client):
    settings.OPS_TRUSTED_PROXIES = ["10.0.0.0/8"]
    begin(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR="203.0.113.9").respond(HttpResponse()).close()
    assert records[0].client_address == client


def test_charset__that_is_given_outweighs_the_content_type(records):
    for charset in ("latin-1", "utf-16"):
        begin().respond(HttpResponse(content_type="text/plain; charset=latin-1", charset=charset)).close()
    assert [record.charset for record in records] == ["latin-1", "utf-16"]


@pytest.mark.parametrize(
    ("error", "outcome", "status"),
    [
        (SystemExit(1), Outcome.CANCELLED, 500),
        (KeyboardInterrupt(), Outcome.CANCELLED, 500),
        (asyncio.CancelledError(), Outcome.CANCELLED, 499),
        (GeneratorExit(), Outcome.CANCELLED, 499),
        (ValueError(), Outcome.EXCEPTION, 500),
    ],
)
def test_abort(records, error, outcome, status):
    begin().abort(error)
    assert outcomes(records) == [(outcome, status)]


@pytest.mark.parametrize("error", [SystemExit(1), ValueError()])
def test_abort__tells_the_error(records, error):
    begin().abort(error)
    assert records[0].error is error


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit()])
def test_abort__by_whoever_awaits_is_no_error(records, error):
    begin().abort(error)
    assert records[0].error is None


def close_within(response, error):
    """Close a response as a WSGI server does that fails to send it."""
    try:
        try:
            raise error
        finally:
            response.close()
    except type(error):
        pass


def test_close__within_a_failure_to_send_is_a_client_that_left(records):
    close_within(begin().respond(HttpResponse(b"ok")), BrokenPipeError())
    assert outcomes(records) == [(Outcome.DISCONNECT, 499)]


def test_close__within_an_exit_of_the_worker_is_a_cancel(records):
    close_within(begin().respond(HttpResponse(b"ok")), SystemExit(1))
    assert outcomes(records) == [(Outcome.CANCELLED, 500)]


def test_close__of_a_generator_that_is_given_up_is_a_client_that_left(records):
    response = begin().respond(StreamingHttpResponse([b"a", b"b"]))

    def serve():
        try:
            yield from response
        finally:
            response.close()

    server = serve()
    next(server)
    server.close()
    assert outcomes(records) == [(Outcome.DISCONNECT, 499)]


def test_close__within_an_exception_that_our_caller_handles_is_ok(records):
    try:
        raise OSError
    except OSError:
        begin().respond(HttpResponse(b"ok")).close()
    assert outcomes(records) == [(Outcome.OK, 200)]


def test_close__of_a_stream_that_was_not_read_to_its_end(records):
    response = begin().respond(StreamingHttpResponse([b"a", b"b"]))
    next(iter(response))
    response.close()
    assert outcomes(records) == [(Outcome.DISCONNECT, 499)]


def test_close__of_a_stream_that_was_never_begun(records):
    begin().respond(StreamingHttpResponse([b"a"])).close()
    assert outcomes(records) == [(Outcome.DISCONNECT, 499)]


def test_close__of_a_stream_that_nobody_wanted(records):
    begin(method="HEAD").respond(StreamingHttpResponse([b"a"])).close()
    assert outcomes(records) == [(Outcome.STREAM, 200)]


def test_close__of_an_upload_that_broke_off(records):
    exchange = begin()
    exchange.context.error = UnreadablePostError()
    exchange.respond(HttpResponse(status=500)).close()
    assert outcomes(records) == [(Outcome.DISCONNECT, 499)]
    assert records[0].error is None


def test_bytes__of_a_body_without_one_are_none(records):
    begin().respond(HttpResponse(b"not sent", status=204)).close()
    assert records[0].response_bytes == 0


@pytest.mark.parametrize(
    "part", [b"caf\xc3\xa9", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", memoryview(b"12345"), 12345]
)
def test_bytes__of_parts_of_any_type(records, part):
    response = begin().respond(StreamingHttpResponse([part]))
    assert records == []
    body = b"".join(response)
    response.close()
    assert (records[0].response_bytes, len(body)) == (5, 5)


def test_forgotten_response__is_told_at_once(records):
    gc.disable()
    try:
        exchange = begin()
        response = exchange.respond(HttpResponse(b"ok"))
        del exchange
        assert records == []
        del response
        assert outcomes(records) == [(Outcome.CANCELLED, 500)]
    finally:
        gc.enable()


def test_forgotten_stream__is_told_at_once(records):
    gc.disable()
    try:
        response = begin().respond(StreamingHttpResponse([b"a", b"b"]))
        next(iter(response))
        del response
        assert outcomes(records) == [(Outcome.CANCELLED, 500)]
    finally:
        gc.enable()


def test_forgotten_response__sets_no_context_variable(records):
    """It may be freed while this very thread is within `ContextVar.set`, which cannot be entered again: it crashes."""
    exchange = begin()
    context = exchange.context
    exchange.respond(HttpResponse(b"ok"))
    del exchange
    gc.collect()
    assert current.get() is context
    assert not context.is_open


def test_parts__the_one_that_completes_an_announced_body(records):
    exchange = begin()
    exchange.respond(HttpResponse(b"x" * 10))
    assert [exchange.is_last_part(passed, more=True) for passed in (4, 10)] == [False, True]
    exchange.abandon()


def test_parts__of_an_unannounced_body_the_end_is_the_last(records):
    exchange = begin()
    exchange.respond(StreamingHttpResponse([]))
    assert [exchange.is_last_part(10, more=more) for more in (True, False)] == [False, True]
    exchange.abandon()


def test_client_that_leaves__after_the_last_part_has_not_left(records):
    async def serve():
        exchange = begin()
        exchange.run_in(asyncio.current_task())
        response = exchange.respond(HttpResponse(b"ok"))
        exchange.is_complete = True
        exchange.client_left()
        response.close()

    asyncio.run(serve())
    assert outcomes(records) == [(Outcome.OK, 200)]


def test_client_that_leaves__before_the_last_part(records):
    async def serve():
        exchange = begin()
        exchange.run_in(asyncio.current_task())
        response = exchange.respond(HttpResponse(b"ok"))
        exchange.client_left()
        response.close()

    asyncio.run(serve())
    assert outcomes(records) == [(Outcome.DISCONNECT, 499)]


def test_client_that_leaves__when_all_is_done(records):
    async def handle():
        exchange = begin()
        exchange.run_in(asyncio.current_task())
        return exchange, exchange.respond(HttpResponse(b"ok"))

    async def serve():
        exchange, response = await asyncio.create_task(handle())
        exchange.client_left()
        response.close()

    asyncio.run(serve())
    assert outcomes(records) == [(Outcome.OK, 200)]


@pytest.mark.parametrize(("address", "route"), [("/", ""), ("/nowhere", None)])
def test_route__of_the_root_is_told_apart_from_none(records, settings, address, route):
    settings.ROOT_URLCONF = (path("", lambda request: HttpResponse()),)
    Client().get(address)
    assert [record.route for record in records] == [route]
