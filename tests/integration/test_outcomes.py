"""Each of the seven ways in which a request can end, under each kind of server: one line, one observation."""

from __future__ import annotations

import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.site.servers import ASYNC_KINDS, Server, eventually, new_id, running
from tests.integration.site.truth import Observation, assert_one_observation, observe

#: More than a socket's buffers hold: its sender must wait for the client to read.
LARGE_BYTES = 50_000_000


def get(site: Server, path: str) -> Observation:
    """Send a GET with an id of our own, and check that the answer bears the id."""
    request_id = new_id()

    def send() -> str:
        answer = site.get(path, {"X-Request-ID": request_id})
        assert answer.request_id == request_id
        return request_id

    return observe(site, send)


def leave_after(site: Server, path: str, bytes_read: int) -> Observation:
    """Send a GET, wait for the view to say something or read some of the answer, and go."""

    def send() -> str:
        request_id = new_id()
        connection = site.begin(path, request_id)
        if not bytes_read:
            wait_until_in_progress(site, request_id)
        read = 0
        while read < bytes_read:
            read += len(connection.recv(4096))
        reset(connection)
        return request_id

    return observe(site, send)


def wait_until_in_progress(server: Server, request_id: str) -> None:
    """Wait until the view of a request has said something."""
    eventually(lambda: server.lines_of(request_id), f"the view of {request_id} says something")


def reset(connection: socket.socket) -> None:
    """Close a connection as a client does that has crashed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_ok__is_a_success(site):
    observation = get(site, "/ok?bytes=7")
    assert observation.outcome == ("ok", "success", "info", 200)
    assert_one_observation(observation)


def test_ok__has_the_bytes_of_its_body(site):
    assert get(site, "/ok?bytes=1234").body_bytes == 1234


def test_ok__lasts_as_long_as_it_did(site):
    started = time.monotonic()
    observation = get(site, "/ok?seconds=0.1")
    assert 0.1 <= observation.duration_seconds <= time.monotonic() - started


def test_ok__names_route_and_view(site):
    observation = get(site, "/items/0/")
    assert (observation.line["http"]["route"], observation.line["django"]["view"]) == ("items/<int:pk>/", "item")


def test_ok__tells_where_from_and_where_to(site):
    line = get(site, "/ok?page=2&secret=1").line
    assert line["url"] == {"path": "/ok", "scheme": "http", "query": "page=2"}
    assert line["client"] == {"address": "127.0.0.1"}


@pytest.mark.parametrize("path", ["/ok", "/aok"])
def test_ok__sync_and_async_views_are_alike(site, path):
    observation = get(site, f"{path}?bytes=3")
    assert observation.outcome == ("ok", "success", "info", 200)
    assert_one_observation(observation)


def test_redirect(site):
    observation = get(site, "/redirect")
    assert observation.outcome == ("redirect", "success", "info", 302)
    assert_one_observation(observation)


def test_unrouted(site):
    observation = get(site, "/no/such/page")
    assert observation.outcome == ("unrouted", "success", "warning", 404)
    assert_one_observation(observation)


def test_unrouted__has_neither_route_nor_view(site):
    line = get(site, "/no/such/page").line
    assert "route" not in line["http"]
    assert "view" not in line["django"]


@pytest.mark.parametrize("path", ["/raise", "/araise"])
def test_exception(site, path):
    observation = get(site, path)
    assert observation.outcome == ("exception", "failure", "error", 500)
    assert_one_observation(observation)


def test_exception__is_described(site):
    error = get(site, "/raise").line["error"]
    assert (error["type"], error["message"]) == ("ValueError", "the view failed")
    assert "tests/integration/site/views.py" in error["stack_trace"]


def test_exception__is_logged_once(site):
    request_id = get(site, "/raise").line["http"]["request"]["id"]
    assert [line["log.logger"] for line in site.lines_of(request_id)] == ["django_ops.request"]


@pytest.mark.parametrize("path", ["/middleware-raises", "/middleware-raises-late"])
def test_exception__in_a_middleware(site, path):
    observation = get(site, path)
    assert observation.outcome == ("exception", "failure", "error", 500)
    assert observation.line["error"]["type"] == "LookupError"
    assert_one_observation(observation)


def test_exception__in_a_template(site):
    observation = get(site, "/template?broken=1")
    assert observation.outcome == ("exception", "failure", "error", 500)
    assert_one_observation(observation)


@pytest.mark.parametrize("path", ["/stream", "/astream"])
def test_stream(site, path):
    observation = get(site, f"{path}?chunks=3&bytes=5")
    assert observation.outcome == ("stream", "success", "info", 200)
    assert observation.body_bytes == 15
    assert_one_observation(observation)


@pytest.mark.parametrize("path", ["/stream", "/astream"])
def test_stream__lasts_until_its_end(site, path):
    observation = get(site, f"{path}?chunks=3&seconds=0.05")
    assert observation.duration_seconds >= 0.09  # uvloop may end a sleep a millisecond early


def test_stream__tells_when_its_first_byte_came(site):
    path = "/astream" if site.is_async else "/stream"
    observation = get(site, f"{path}?chunks=2&seconds=1")
    # the chunks are a second apart; uvloop may end a sleep a millisecond early
    assert 0 < observation.line["django"]["first_byte_duration"] / 1e9 < observation.duration_seconds - 0.9


@pytest.mark.parametrize("path", ["/stream", "/astream"])
def test_disconnect__in_the_middle_of_a_stream(site, path):
    observation = leave_after(site, f"{path}?chunks=300&bytes=200000&seconds=0.001", 1000)
    assert observation.outcome == ("disconnect", "unknown", "warning", 499)
    assert_one_observation(observation)


@pytest.mark.parametrize("site", ASYNC_KINDS, indirect=True)
def test_disconnect__while_a_stream_waits(site):
    observation = leave_after(site, "/astream?chunks=3&seconds=60", 5)
    assert observation.outcome == ("disconnect", "unknown", "warning", 499)
    assert observation.body_bytes == 5


@pytest.mark.parametrize("path", ["/ok", "/aok"])
def test_disconnect__in_the_middle_of_a_large_body(site, path):
    observation = leave_after(site, f"{path}?bytes={LARGE_BYTES}", 1000)
    assert observation.outcome == ("disconnect", "unknown", "warning", 499)
    assert_one_observation(observation)


@pytest.mark.parametrize("site", ASYNC_KINDS, indirect=True)
@pytest.mark.parametrize("path", ["/items/1/", "/aitems/1/"])
def test_cancelled__by_a_client_that_leaves_before_the_response(site, path):
    observation = leave_after(site, f"{path}?seconds=5", 0)
    assert observation.outcome == ("cancelled", "unknown", "warning", 499)
    assert_one_observation(observation, charset="")


@pytest.mark.parametrize("site", ["gunicorn sync"], indirect=True)
def test_cancelled__by_a_view_that_exits(site):
    def send() -> str:
        request_id = new_id()
        assert site.get("/leave", {"X-Request-ID": request_id}).status == 500
        return request_id

    observation = observe(site, send)
    assert observation.outcome == ("cancelled", "failure", "error", 500)
    assert observation.line["error"]["type"] == "SystemExit"
    assert_one_observation(observation, charset="")


@contextmanager
def asking(server: Server, path: str) -> Iterator[str]:
    """Have a request under way during the block, and swallow what becomes of it."""
    request_id = new_id()
    connection = server.begin(path, request_id)
    begun = threading.Event()

    def read() -> None:
        begun.set()
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass

    thread = threading.Thread(target=read)
    thread.start()
    begun.wait()
    yield request_id
    thread.join()
    connection.close()


def test_cancelled__by_the_timeout_of_a_worker(tmp_path):
    with running("gunicorn sync", tmp_path, "--timeout", "3") as server, asking(server, "/ok?seconds=30") as request_id:
        observation = Observation(server.line_of(request_id), {})
    assert observation.outcome == ("cancelled", "failure", "error", 500)
    assert observation.duration_seconds >= 1


def test_cancelled__by_the_timeout_in_the_middle_of_a_stream(tmp_path):
    path = "/stream?chunks=2&seconds=30"
    with running("gunicorn sync", tmp_path, "--timeout", "3") as server, asking(server, path) as request_id:
        observation = Observation(server.line_of(request_id), {})
    assert observation.outcome == ("cancelled", "failure", "error", 500)
    assert observation.body_bytes == 5


#: What makes each server give up what it is doing, where it tells its application.
QUICK_SHUTDOWN = {
    "gunicorn sync": ("/items/1/?seconds=30", signal.SIGQUIT, ("cancelled", "failure", "error", 500)),
    "gunicorn asgi": ("/aitems/1/?seconds=30", signal.SIGQUIT, ("cancelled", "unknown", "warning", 499)),
    "uvicorn": ("/aitems/1/?seconds=30", signal.SIGINT, ("cancelled", "unknown", "warning", 499)),
}


@pytest.mark.parametrize("kind", QUICK_SHUTDOWN)
def test_cancelled__by_a_quick_shutdown(kind, tmp_path):
    path, number, outcome = QUICK_SHUTDOWN[kind]
    with running(kind, tmp_path) as server, asking(server, path) as request_id:
        wait_until_in_progress(server, request_id)
        server.stop(number)
        lines = server.request_lines(request_id)
    assert [Observation(line, {}).outcome for line in lines] == [outcome]


def test_cancelled__threads_are_waited_for(tmp_path):
    # gthread's quick shutdown does not reach its threads: the request ends as it would have
    with (
        running("gunicorn gthread", tmp_path, "--graceful-timeout", "30") as server,
        asking(server, "/items/1/?seconds=0.5") as request_id,
    ):
        wait_until_in_progress(server, request_id)
        server.stop(signal.SIGQUIT)
        lines = server.request_lines(request_id)
    assert [Observation(line, {}).outcome[0] for line in lines] == ["ok"]


def test_cancelled__by_a_view_that_exits_in_a_thread(tmp_path):
    with running("gunicorn gthread", tmp_path) as server, asking(server, "/leave") as request_id:
        observation = Observation(server.line_of(request_id), {})
    assert observation.outcome == ("cancelled", "failure", "error", 500)


@pytest.mark.parametrize("kind", ASYNC_KINDS)
def test_cancelled__in_the_middle_of_a_stream_by_a_shutdown(kind, tmp_path):
    path = "/astream?chunks=2&seconds=30"
    with running(kind, tmp_path) as server, asking(server, path) as request_id:
        wait_until_in_progress(server, request_id)
        server.stop(QUICK_SHUTDOWN[kind][1])
        lines = server.request_lines(request_id)
    assert [Observation(line, {}).outcome[0] for line in lines] in (["cancelled"], ["disconnect"])
