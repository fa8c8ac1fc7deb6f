"""Bodies that are sent in odd ways, or not at all: the line says what became of them, under each kind of server."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from tests.integration.site import views
from tests.integration.site.servers import ASYNC_KINDS, Server, eventually, new_id, running
from tests.integration.site.truth import Observation, assert_one_observation, observe
from tests.integration.test_outcomes import get, leave_after

FILE_BYTES = Path(views.__file__).stat().st_size
WSGI_KINDS = ("gunicorn sync", "gunicorn gthread")


def ask(site: Server, method: str, path: str, **headers: str) -> Observation:
    """Send a request with these headers and observe it."""
    request_id = new_id()

    def send() -> str:
        site.ask(method, path, headers={"X-Request-ID": request_id, **headers})
        return request_id

    return observe(site, send)


@pytest.mark.parametrize("path", ["/ok?bytes=7", "/stream", "/astream", "/file"])
def test_head__sends_no_body(site, path):
    observation = ask(site, "HEAD", path)
    assert observation.outcome[1:] == ("success", "info", 200)
    assert observation.body_bytes == 0
    assert_one_observation(observation)


@pytest.mark.parametrize("code", [204, 304])
def test_bodiless_status__sends_no_body(site, code):
    # a body that the application gives all the same is dropped by gunicorn, and an error for uvicorn
    observation = ask(site, "GET", f"/status/{code}?bytes={0 if site.kind == 'uvicorn' else 9}")
    assert observation.line["http"]["response"] == {"status_code": code, "body": {"bytes": 0}}
    assert_one_observation(observation)


@pytest.mark.parametrize("path", ["/stream?chunks=0", "/astream?chunks=0"])
def test_empty_stream__is_a_stream(site, path):
    observation = get(site, path)
    assert observation.outcome == ("stream", "success", "info", 200)
    assert observation.body_bytes == 0
    assert_one_observation(observation)


def test_file__has_its_size(site):
    # under WSGI the server sends it (sendfile), under ASGI Django reads it
    observation = get(site, "/file")
    assert observation.outcome == ("stream", "success", "info", 200)
    assert observation.body_bytes == FILE_BYTES
    assert_one_observation(observation)


@pytest.mark.parametrize("site", WSGI_KINDS, indirect=True)
def test_file__is_left_to_the_server(site):
    # gunicorn's FileWrapper is what Django hands over; a body that passed through us would be an iterator
    answer = site.get("/file")
    assert answer.headers["content-length"] == str(FILE_BYTES)
    assert answer.body == Path(views.__file__).read_bytes()


def test_file__client_leaves_in_the_middle(site):
    observation = leave_after(site, "/large-file", 1000)
    assert observation.outcome == ("disconnect", "unknown", "warning", 499)
    assert_one_observation(observation)


def test_file__that_the_client_has_already(site):
    observation = ask(site, "GET", "/old-file", **{"If-Modified-Since": "Tue, 02 Jan 2024 00:00:00 GMT"})
    assert observation.outcome == ("redirect", "success", "info", 304)
    assert observation.body_bytes == 0
    assert_one_observation(observation)


def test_conditional_get__of_a_page_that_the_client_has_already(site):
    etag = site.get("/ok?bytes=300").headers["etag"]
    observation = ask(site, "GET", "/ok?bytes=300", **{"If-None-Match": etag})
    assert observation.outcome == ("redirect", "success", "info", 304)
    assert observation.body_bytes == 0


def test_gzip__counts_the_bytes_that_are_sent(site):
    answers = []

    def send() -> str:
        answers.append(site.get("/ok?bytes=5000", {"Accept-Encoding": "gzip"}))
        return answers[0].request_id

    observation = observe(site, send)
    assert gzip.decompress(answers[0].body) == b"x" * 5000
    assert observation.body_bytes == len(answers[0].body)


@pytest.mark.parametrize("path", ["/stream?chunks=50&bytes=1000", "/astream?chunks=50&bytes=1000"])
def test_gzip__counts_the_bytes_of_a_stream(site, path):
    answers = []

    def send() -> str:
        answers.append(site.get(path, {"Accept-Encoding": "gzip"}))
        return answers[0].request_id

    observation = observe(site, send)
    assert gzip.decompress(answers[0].body) == b"x" * 50_000
    assert observation.body_bytes == len(answers[0].body)
    assert_one_observation(observation)


@pytest.mark.parametrize("path", ["/stream-raise", "/astream-raise"])
def test_stream_that_raises(site, path):
    request_id = new_id()

    def send() -> str:
        connection = site.begin(path, request_id)
        while connection.recv(65536):
            pass
        connection.close()
        return request_id

    observation = observe(site, send)
    # the status was sent before the stream broke
    assert observation.outcome == ("exception", "failure", "error", 200)
    assert observation.line["error"]["type"] == "RuntimeError"
    assert observation.body_bytes == 5
    assert_one_observation(observation)


def test_response_that_the_server_refuses(site):
    request_id = new_id()

    def send() -> str:
        connection = site.begin("/bad-header", request_id)
        while connection.recv(65536):
            pass
        connection.close()
        return request_id

    observation = observe(site, send)
    assert observation.outcome == ("cancelled", "failure", "error", 500)
    assert_one_observation(observation)


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/forbidden", 403), ("/suspicious", 400)])
def test_refusals__are_no_exceptions(site, path, status):
    observation = get(site, path)
    assert observation.outcome == ("ok", "success", "warning", status)
    assert "error" not in observation.line
    assert_one_observation(observation)


def test_template__counts_by_its_name(site):
    assert_one_observation(get(site, "/template"), template="None")


@pytest.mark.parametrize("count", [0, 1, 7])
def test_queries__are_counted(site, count):
    observation = get(site, f"/query?count={count}")
    assert observation.line["django"]["db"]["count"] == count
    assert_one_observation(observation)


def test_queries__of_a_stream_are_counted(site):
    observation = get(site, "/stream?chunks=4")
    assert observation.line["django"]["db"]["count"] == 4


def test_queries__of_threads_that_an_async_view_asks_are_counted(site):
    observation = get(site, "/aitems/3/")
    assert observation.line["django"]["db"]["count"] == 3


def test_lines_of_the_application__bear_the_ids_of_their_request(site):
    request_id = get(site, "/stream?chunks=3").line["http"]["request"]["id"]
    chunks = [
        line for line in site.lines() if line["log.logger"] == "site.views" and line["message"].startswith("chunk")
    ]
    assert [line["http"]["request"]["id"] for line in chunks[-3:]] == [request_id] * 3


def test_upload__has_its_size(site):
    def send() -> str:
        return site.ask("POST", "/upload", b"y" * 1000, {"Content-Type": "text/plain"}).request_id

    observation = observe(site, send)
    assert observation.line["http"]["request"]["body"]["bytes"] == 1000
    assert_one_observation(observation)


def test_queue__is_told_by_the_proxy(site):
    observation = ask(site, "GET", "/ok", **{"X-Request-Start": f"t={time.time() - 2:.3f}"})
    assert 1.9 < observation.line["django"]["queue_duration"] / 1e9 < 10
    assert_one_observation(observation)


@pytest.mark.parametrize("site", ASYNC_KINDS, indirect=True)
def test_sync_view_of_a_client_that_left__is_told_once(site):
    observation = leave_after(site, "/items/2/?seconds=5", 0)
    assert observation.outcome == ("cancelled", "unknown", "warning", 499)


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
def test_endpoints__are_neither_logged_nor_counted(site, path):
    site.settle()
    before, known = site.scrape(), len(site.request_lines())
    site.get(path)
    site.get(path)
    assert site.scrape() == before
    assert len(site.request_lines()) == known


@pytest.mark.parametrize("kind", ["gunicorn sync", "uvicorn"])
def test_telemetry__gives_the_line_its_ids(kind, tmp_path):
    with running(kind, tmp_path, SITE_TELEMETRY="1") as server:
        answers = [server.get("/ok") for _ in range(64)]
        lines = eventually(lambda: len(server.request_lines()) == 64 and server.request_lines(), "64 lines")
    told = {(line["trace"]["id"], line["span"]["id"]) for line in lines}
    # 64 ids, of which some begin with a zero
    assert told == {tuple(answer.headers["span"].split("-")) for answer in answers}
    # the trace may be one that a client began: the request's id is its own
    ids = {answer.request_id for answer in answers}
    assert ids == {line["http"]["request"]["id"] for line in lines}
    assert len(ids - {trace_id for trace_id, _ in told}) == 64
