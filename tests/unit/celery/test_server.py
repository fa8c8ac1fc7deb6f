"""The metrics server of a worker: whom it lets in, and that it comes and goes."""

from __future__ import annotations

import http.client
import logging
import os
import socket
import threading
from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from django_ops.celery import server
from tests.programs import require_ipv6


@pytest.fixture
def running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server, which the kernel has chosen."""
    settings.OPS_METRICS_NETWORKS = ["127.0.0.1/32"]
    settings.OPS_CELERY_METRICS_ADDRESS = "127.0.0.1:0"
    monkeypatch.setattr(server, "_POLL_SECONDS", 0.01)  # how long it takes to stop
    server.start()
    assert server._server is not None
    yield server._server.server_port
    server.stop()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def answer(path: str, method: str = "GET", **meta: str) -> HttpResponse:
    return server.answer(RequestFactory().generic(method, path, **meta))


def test_metrics__are_closed_by_default() -> None:
    assert answer("/metrics").status_code == 403


def test_metrics__are_closed_without_the_token(settings: Settings) -> None:
    settings.OPS_METRICS_TOKEN = "secret"
    assert answer("/metrics").status_code == 401


def test_metrics__are_open_with_the_token(settings: Settings) -> None:
    settings.OPS_METRICS_TOKEN = "secret"
    assert answer("/metrics", HTTP_AUTHORIZATION="Bearer secret").status_code == 200


def test_metrics__are_open_to_a_trusted_network(settings: Settings) -> None:
    settings.OPS_METRICS_NETWORKS = ["127.0.0.0/8"]
    assert answer("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200


def test_metrics__are_closed_to_a_client_behind_a_proxy_that_nobody_trusts(settings: Settings) -> None:
    settings.OPS_METRICS_NETWORKS = ["127.0.0.0/8"]
    assert answer("/metrics", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 403


def test_metrics__are_those_of_tasks(settings: Settings) -> None:
    settings.OPS_METRICS_NETWORKS = ["127.0.0.0/8"]
    assert b"django_ops_celery_tasks_in_progress" in answer("/metrics").content


def test_metrics__can_be_asked_for_by_name(settings: Settings) -> None:
    settings.OPS_METRICS_NETWORKS = ["127.0.0.0/8"]
    body = answer("/metrics?name[]=django_ops_celery_tasks_in_progress").content
    assert {line.split()[0] for line in body.splitlines() if not line.startswith(b"#")} == {
        b"django_ops_celery_tasks_in_progress"
    }


def test_metrics__take_no_other_method(settings: Settings) -> None:
    settings.OPS_METRICS_NETWORKS = ["127.0.0.0/8"]
    assert answer("/metrics", "POST").status_code == 405


def test_metrics__have_the_path_of_the_setting(settings: Settings) -> None:
    settings.OPS_METRICS_PATH = "/numbers"
    assert (answer("/numbers").status_code, answer("/metrics").status_code) == (403, 404)


def test_metrics__have_a_path_also_where_the_site_has_none(settings: Settings) -> None:
    settings.OPS_METRICS_PATH = ""
    assert answer("/metrics").status_code == 403


def test_livez__has_the_path_of_the_setting(settings: Settings) -> None:
    settings.OPS_LIVEZ_PATH = "/alive"
    assert answer("/alive").content == b"ok\n"


def test_other_path__is_not_found() -> None:
    assert answer("/").status_code == 404


def test_server__answers_over_a_socket(running: int) -> None:
    assert ask(running, "/metrics")[0] == 200


def test_server__answers_head_without_a_body(settings: Settings) -> None:
    settings.OPS_METRICS_NETWORKS = ["127.0.0.0/8"]
    request = RequestFactory().head("/metrics")
    statuses: list[str] = []
    body = server.application(request.environ, lambda status, headers: statuses.append(status))
    assert (list(body), statuses) == ([], ["200 OK"])


def test_server__says_nothing_about_its_requests(running: int, capsys: pytest.CaptureFixture[str]) -> None:
    ask(running, "/metrics")
    ask(running, "/nowhere")
    assert capsys.readouterr() == ("", "")


def test_server__survives_a_client_that_breaks_off(running: int, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", running), timeout=5) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\r\n")
    with socket.create_connection(("127.0.0.1", running), timeout=5) as connection:
        connection.sendall(b"\x00\xff nonsense\r\n\r\n")
    assert (ask(running, "/livez")[0], capsys.readouterr().err) == (200, "")


def test_server__that_serves_is_not_started_twice(running: int) -> None:
    before = server._server
    server.start()
    assert server._server is before


def test_server__frees_its_port(running: int) -> None:
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(running, "/livez")


def test_server__that_does_not_serve_can_be_stopped() -> None:
    server.stop()


def test_server__without_an_address_does_not_serve(settings: Settings) -> None:
    settings.OPS_CELERY_METRICS_ADDRESS = ""
    server.start()
    assert server._server is None


def test_server__on_a_port_that_is_taken_is_an_error(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings.OPS_CELERY_METRICS_ADDRESS = f"127.0.0.1:{taken.getsockname()[1]}"
        server.start()
    assert [(record.levelno, settings.OPS_CELERY_METRICS_ADDRESS in record.message) for record in caplog.records] == [
        (logging.ERROR, True)
    ]


@pytest.mark.parametrize("address", ["9808", "127.0.0.1:many", "127.0.0.1:99999", "no.such.host.invalid:1"])
def test_server__on_an_address_that_is_none_is_an_error(
    settings: Settings, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    settings.OPS_CELERY_METRICS_ADDRESS = address
    server.start()
    assert ([record.levelno for record in caplog.records], server._server) == ([logging.ERROR], None)


def test_server__listens_on_ipv6() -> None:
    require_ipv6()
    listening = server.listen("[::1]:0")
    family = listening.socket.family
    listening.server_close()
    assert family == socket.AF_INET6


def test_fork__leaves_the_port_to_the_parent(running: int) -> None:
    assert server._server is not None
    listening = server._server.socket
    child = os.fork()
    if child == 0:
        os._exit(0 if (listening.fileno(), server._server) == (-1, None) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_fork__leaves_no_lock_held_in_the_child(running: int) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0 if server._reading.acquire(timeout=5) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_fork__leaves_no_lock_held_in_the_parent(running: int) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert ask(running, "/metrics")[0] == 200


def test_scrape__holds_forks_off_while_it_reads(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OPS_METRICS_NETWORKS = ["127.0.0.0/8"]
    held: list[bool] = []

    def expose(*wanted: object) -> tuple[bytes, dict[str, str]]:
        held.append(server._reading.locked())
        return b"", {}

    monkeypatch.setattr(server.exposition, "expose", expose)
    answer("/metrics")
    assert held == [True]


def test_fork__waits_for_a_scrape_that_is_being_read(running: int) -> None:
    server._reading.acquire()
    forked = threading.Event()

    def fork() -> None:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        forked.set()

    thread = threading.Thread(target=fork)
    thread.start()
    was_forked = forked.wait(0.2)
    server._reading.release()
    thread.join(10)
    assert (was_forked, forked.is_set()) == (False, True)
