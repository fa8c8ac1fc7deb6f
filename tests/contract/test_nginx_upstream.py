"""What nginx does while the application is away, comes back elsewhere, or dies with a request."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.nginxes import Answer, Edge, Names, application, readable_directory, start_nginx
from tests.integration.services import HOST, held_port, wait_until

pytestmark = pytest.mark.one_python

OTHER = "127.0.0.2"


@pytest.fixture
def home() -> Iterator[Path]:
    with readable_directory() as directory:
        yield directory


@pytest.fixture
def port() -> int:
    """Where an application may listen, on any of the loopback addresses."""
    return held_port()


@pytest.fixture
def names() -> Names:
    return Names(HOST)


@pytest.fixture
def edge(home: Path, port: int, names: Names) -> Iterator[Edge]:
    """An nginx, and nothing where its application should be."""
    with start_nginx(home, names, port) as running:
        yield running


def in_background(edge: Edge, *arguments, **options) -> tuple[threading.Thread, list[Answer]]:
    """Send a request that may have to wait."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(edge.ask(*arguments, **options)))
    thread.start()
    return thread, answers


def until_tried(edge: Edge, times: int = 1) -> None:
    """Wait until so many requests have found no application, and so must wait for one."""
    said = re.compile(rb"\(111: Connection refused\) while connecting|could not be resolved")
    wait_until(lambda: len(said.findall(edge.errors.read_bytes())) >= times, f"{times} requests wait: {edge.errors}")


# a changed address ---------------------------------------------------------------------------------------------------


def test_new_address__is_found(edge, names, port):
    with application(HOST, port):
        assert edge.ask("/").json()["server"] == HOST
    names.address = OTHER
    with application(OTHER, port):
        answer = edge.ask("/")
    assert (answer.status, answer.json()["server"]) == (200, OTHER)


def test_address__of_a_server_that_still_answers_is_left(edge, names, port):
    with application(HOST, port), application(OTHER, port):
        assert edge.ask("/").json()["server"] == HOST
        names.address = OTHER
        deadline = time.monotonic() + 60
        while edge.ask("/").json()["server"] != OTHER:
            assert time.monotonic() < deadline, "the old address was asked for a minute"


def test_start__needs_no_application(edge, names, port):
    names.address = None
    assert edge.ask("/livez").status == 200


# an application that is away for a moment ----------------------------------------------------------------------------


def test_restart__is_waited_for(edge, port):
    thread, answers = in_background(edge, "/", "POST", b"order=1")
    until_tried(edge)
    with application(HOST, port) as server:
        thread.join(60)
        assert (answers[0].status, answers[0].json()["body"]) == (200, "order=1")
        assert server.RequestHandlerClass.served == 1


def test_restart__with_a_name_that_is_gone_meanwhile(edge, names, port):
    names.address = None
    thread, answers = in_background(edge, "/")
    until_tried(edge)
    with application(HOST, port):
        names.address = HOST
        thread.join(60)
    assert answers[0].status == 200


def test_wait__leaves_no_trace_in_the_answer(edge, port):
    thread, answers = in_background(edge, "/")
    until_tried(edge)
    with application(HOST, port):
        thread.join(60)
    assert "WWW-Authenticate" not in answers[0].headers
    assert len(answers[0].headers.get_all("X-Request-ID")) == 1


def test_line__of_a_request_that_waited_has_its_time(edge, port):
    thread, _answers = in_background(edge, "/waited")
    until_tried(edge)
    with application(HOST, port):
        thread.join(60)
    line = edge.line("/waited")
    assert line["http"]["response"]["status_code"] == 200
    assert line["event"]["duration"] >= 900_000_000
    assert line["nginx"]["upstream"]["status"] == 200
    # the wait is none of the application's time
    assert line["event"]["duration"] / 1e9 - line["nginx"]["upstream"]["response_time"] >= 0.9


def test_many__wait_together(edge, port):
    with ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(edge.ask, "/") for _ in range(40)]
        until_tried(edge, 40)
        with application(HOST, port):
            assert [one.result().status for one in asked] == [200] * 40


# an application that took the request and dies -----------------------------------------------------------------------


def test_post__that_was_sent_is_not_sent_again(edge, port):
    with application(HOST, port) as server:
        answer = edge.ask("/gone", "POST", b"order=1")
        assert (answer.status, server.RequestHandlerClass.served) == (503, 1)


def test_get__that_was_sent_is_sent_once_more(edge, port):
    with application(HOST, port) as server:
        assert edge.ask("/gone").status == 503
        assert server.RequestHandlerClass.served == 2


def test_post__that_waited_and_was_then_sent_is_not_sent_again(edge, port):
    thread, answers = in_background(edge, "/gone", "POST", b"order=1")
    until_tried(edge)
    with application(HOST, port) as server:
        thread.join(60)
        assert (answers[0].status, server.RequestHandlerClass.served) == (503, 1)


def test_get__that_was_lost_waits_for_the_next_application(edge, port):
    with socket.create_server((HOST, port)) as dying:
        thread, answers = in_background(edge, "/")
        connection, _address = dying.accept()
        connection.recv(65536)
        connection.close()
    until_tried(edge)  # and refused: the first attempt was lost
    with application(HOST, port):
        thread.join(60)
    assert answers[0].status == 200


# the maintenance page ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_maintenance__is_shown_when_nobody_came_back(edge):
    started = time.monotonic()
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(edge.ask, "/", *of_method) for of_method in (("GET",), ("POST", b"a=b"))]
        for one in asked:
            answer = one.result()
            assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
            assert b"Back in a moment" in answer.body
            assert 14 < time.monotonic() - started < 40


def test_maintenance__is_shown_while_the_file_is_there(edge, port):
    with application(HOST, port):
        (edge.run / "maintenance").touch()
        answer = edge.ask("/", "POST", b"a=b")
        (edge.run / "maintenance").unlink()
        assert answer.status == 503
        assert b"Back in a moment" in answer.body
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        [policy] = answer.headers.get_all("Content-Security-Policy")
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
        assert edge.ask("/").status == 200


def test_maintenance__does_not_end_nginx_itself(edge):
    (edge.run / "maintenance").touch()
    assert edge.ask("/livez").status == 200
