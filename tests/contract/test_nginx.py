"""What nginx does with each request: ids, headers, limits, static files, health, and its line in the access log."""

from __future__ import annotations

import gzip
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest

from django_ops.record.identity import parse_traceparent
from tests.contract.nginxes import SOURCE, Edge, Names, application, make_www, readable_directory, start_nginx
from tests.integration.services import HOST, wait_until

pytestmark = pytest.mark.one_python

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def home() -> Iterator[Path]:
    with readable_directory() as directory:
        yield directory


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    """An nginx without a certificate, before an application that answers."""
    with readable_directory() as directory, application() as server:
        make_www(directory)
        with start_nginx(directory, Names(HOST), server.server_address[1]) as running:
            yield running


# identity ------------------------------------------------------------------------------------------------------------


def test_request_id__is_the_same_for_client_application_and_log(edge):
    answer = edge.ask("/identity/new")
    sent = answer.json()["headers"]["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", sent)
    assert answer.headers.get_all("X-Request-ID") == [sent]
    assert edge.line("/identity/new")["http"]["request"]["id"] == sent


def test_request_id__of_a_client_is_not_believed(edge):
    assert edge.ask("/", X_Request_ID="forged").json()["headers"]["x-request-id"] != "forged"


@pytest.mark.parametrize(
    "traceparent",
    [
        f"00-{TRACE}-00f067aa0ba902b7-01",
        f"01-{TRACE}-00f067aa0ba902b7-01",
        f"01-{TRACE}-00f067aa0ba902b7-01-more",
        f"00-{TRACE}-00f067aa0ba902b7-01-more",
        f"ff-{TRACE}-00f067aa0ba902b7-01",
        f"00-{TRACE}-0000000000000000-01",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        "00-abc",
        '00-"\\',
    ],
)
def test_trace__of_a_client_is_written_where_django_takes_it_too_and_is_no_id(edge, traceparent):
    path = f"/trace/{uuid4()}"
    answer = edge.ask(path, traceparent=traceparent)
    assert answer.headers["X-Request-ID"] != TRACE
    assert answer.json()["headers"]["traceparent"] == traceparent
    line = edge.line(path)
    assert line["http"]["request"]["id"] == answer.headers["X-Request-ID"]
    assert line["trace"]["id"] == (parse_traceparent(traceparent) or answer.headers["X-Request-ID"])


def test_request_id__of_the_application_is_not_sent_twice(edge):
    assert len(edge.ask("/own").headers.get_all("X-Request-ID")) == 1


# what a client claims about itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "127.0.0.1:{port}"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-Port", None),
        ("X-Forwarded-Server", None),
        ("X-Forwarded", None),
        ("Forwarded", None),
        ("X-Client-IP", None),
        ("X-Cluster-Client-IP", None),
        ("CF-Connecting-IP", None),
        ("True-Client-IP", None),
        ("Proxy", None),
        ("X_Forwarded_For", None),
    ],
)
def test_forged_header__is_overwritten(edge, header, expected):
    request = (
        f"GET /echo HTTP/1.1\r\nHost: 127.0.0.1:{edge.port}\r\n{header}: 203.0.113.66\r\nConnection: close\r\n\r\n"
    )
    answer = edge.send(request.encode())
    assert b"203.0.113.66" not in answer
    if expected is not None:
        assert f'"{header.lower()}": "{expected.format(port=edge.port)}"'.encode() in answer


def test_host__keeps_its_port(edge):
    assert edge.ask("/").json()["headers"]["host"] == f"127.0.0.1:{edge.port}"


def test_request_start__is_seconds_with_milliseconds(edge):
    assert re.fullmatch(r"t=\d{10}\.\d{3}", edge.ask("/").json()["headers"]["x-request-start"])


def test_trusted_proxy__is_believed(home):
    with (
        application() as server,
        start_nginx(home, Names(HOST), server.server_address[1], TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8") as edge,
    ):
        seen = edge.ask("/", X_Forwarded_For="203.0.113.9, 10.1.2.3", X_Forwarded_Proto="https").json()["headers"]
        assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("203.0.113.9", "https")
        assert edge.lines(1)[-1]["client"]["address"] == "203.0.113.9"
        for sent, is_taken in (("balancer-1.2_3", True), ("x" * 65, False), ("a b", False)):
            assert (edge.ask("/", X_Request_ID=sent).headers["X-Request-ID"] == sent) == is_taken


# what the application and the client get -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/livez", "/metrics", "/assets/plain.txt", "/assets/none.txt"])
def test_security_headers__are_on_every_answer(edge, path):
    headers = edge.ask(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_content_security_policy__is_on_pages_of_nginx_alone(edge):
    found = [edge.ask(path).headers.get_all("Content-Security-Policy") for path in ("/metrics", "/", "/busy", "/livez")]
    assert [policy and policy[0].split(";")[0] for policy in found] == ["default-src 'none'", None, None, None]


def test_security_headers__of_the_application_win(edge):
    headers = edge.ask("/own").headers
    assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
    assert headers.get_all("Referrer-Policy") == ["no-referrer"]


def test_hsts__is_not_sent_without_tls(edge):
    assert "Strict-Transport-Security" not in edge.ask("/").headers


@pytest.mark.parametrize("path", ["/", "/assets/none.txt", "/metrics"])
def test_version__is_not_told(edge, path):
    answer = edge.ask(path)
    assert answer.headers["Server"] == "nginx"
    assert b"nginx/" not in answer.body


def test_body__reaches_the_application(edge):
    assert edge.ask("/", "POST", b"name=value").json()["body"] == "name=value"


def test_error_of_the_application__is_its_own(edge):
    answer = edge.ask("/busy")
    assert (answer.status, answer.json()) == (503, {"status": "draining"})


def test_gzip__makes_a_strong_etag_weak(edge):
    answer = edge.ask("/large", Accept_Encoding="gzip")
    assert gzip.decompress(answer.body) == b"<p>" * 4096
    assert answer.headers["ETag"] == 'W/"strong"'
    assert "Accept-Encoding" in answer.headers["Vary"]


def test_gzip__the_weak_etag_is_found_unchanged(edge):
    assert edge.ask("/large", Accept_Encoding="gzip", If_None_Match='W/"strong"').status == 304


def test_gzip__leaves_alone_who_does_not_ask(edge):
    answer = edge.ask("/large")
    assert (answer.body, answer.headers["ETag"]) == (b"<p>" * 4096, '"strong"')


# limits --------------------------------------------------------------------------------------------------------------


def test_body__too_large_is_refused(edge):
    head = f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {11 * 1024 * 1024}\r\nConnection: close\r\n\r\n"
    assert edge.send(head.encode(), ends=True).startswith(b"HTTP/1.1 413 ")


def test_headers__too_large_are_refused(edge):
    assert edge.ask("/", X_Large="x" * 9000).status in {400, 431}


# paths of nginx's own ------------------------------------------------------------------------------------------------


def test_livez__is_answered_without_the_application(edge):
    answer = edge.ask("/livez")
    assert (answer.status, answer.body) == (200, b"ok\n")


def test_metrics__are_not_for_the_outside(edge):
    assert edge.ask("/metrics").status == 404


def test_internal_paths__are_not_there(edge):
    assert {edge.ask(path).status for path in ("/-/wait", "/-/maintenance.html")} == {404}


def test_stub_status__is_on_a_port_of_its_own(edge):
    with socket.create_connection((HOST, edge.status_port), timeout=60) as connection:
        connection.sendall(b"GET /stub_status HTTP/1.0\r\n\r\n")
        assert b"Active connections:" in connection.makefile("rb").read()


def test_static__hashed_name_is_cached_for_ever(edge):
    assert "immutable" in edge.ask("/assets/site.0123456789ab.css").headers["Cache-Control"]


def test_static__other_name_is_cached_for_minutes(edge):
    assert edge.ask("/assets/plain.txt").headers["Cache-Control"] == "public, max-age=300"


def test_static__folder_leads_to_the_same_host_whatever_it_is(edge):
    assert edge.ask("/assets/folder", Host="evil.example").headers["Location"] == "/assets/folder/"


def test_static__is_sent_as_it_was_compressed(edge):
    answer = edge.ask("/assets/site.0123456789ab.css", Accept_Encoding="gzip")
    assert answer.body == gzip.compress(b"a{}" * 1000, mtime=0)
    assert answer.headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize("path", ["/assets/", "/assets/../prefix", "/assets/%2e%2e/prefix", "/assets../prefix"])
def test_static__nothing_beside_it_is_served(edge, path):
    answer = edge.ask(path)
    assert answer.status in {403, 404} or "headers" in answer.json()  # the latter from the application


# the access log ------------------------------------------------------------------------------------------------------


def test_line__has_what_the_pipeline_reads(edge):
    edge.ask("/line/all?token=secret", User_Agent='curl "quoted" \\ 1')
    line = edge.line("/line/all")
    assert datetime.fromisoformat(line["@timestamp"]).tzinfo is not None
    assert line["event"]["dataset"] == "nginx.access"
    assert line["event"]["outcome"] == "success"
    assert isinstance(line["event"]["duration"], int)
    assert line["http"]["request"]["method"] == "GET"
    assert line["http"]["response"]["status_code"] == 200
    assert line["http"]["response"]["body"]["bytes"] > 0
    assert line["client"]["address"] == "127.0.0.1"
    assert line["user_agent"]["original"] == 'curl "quoted" \\ 1'
    assert line["tls"] == {"version": "", "cipher": ""}


def test_line__has_no_query_string(edge):
    edge.ask("/line/query?token=secret")
    edge.line("/line/query")
    assert "secret" not in edge.log.read_text()


def test_line__has_the_upstream(edge):
    edge.ask("/line/upstream")
    upstream = edge.line("/line/upstream")["nginx"]["upstream"]
    assert upstream["address"].startswith("127.0.0.1:")
    assert upstream["status"] == 200
    assert all(isinstance(upstream[name], float) for name in ("connect_time", "header_time", "response_time"))


def test_line__without_upstream_has_null(edge):
    edge.ask("/assets/plain.txt")
    upstream = edge.line("/assets/plain.txt")["nginx"]["upstream"]
    assert upstream == {"address": "", "status": None, "connect_time": None, "header_time": None, "response_time": None}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b'GET /hostile/"quote HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
        b"GET /hostile/\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /hostile/agent HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xc3\x28\r\nConnection: close\r\n\r\n",
        b"GET /hostile/agent HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b[31m\r\nConnection: close\r\n\r\n",
        b"GET /hostile/long?" + b"q" * 9000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n",
        b"nonsense\r\n\r\n",
        b'GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-"\r\nConnection: close\r\n\r\n',
    ],
)
def test_line__stays_json_whatever_is_sent(edge, request_bytes):
    marker = f"/line/{uuid4()}"
    edge.ask(marker)
    edge.line(marker)  # nginx writes in order: no line of an earlier request is still to come
    before = len(edge.lines(0))
    edge.send(request_bytes)
    assert len(edge.lines(before + 1)) == before + 1


def test_livez__leaves_no_line(edge):
    edge.ask("/livez")
    edge.ask("/line/after-livez")
    edge.line("/line/after-livez")
    assert '"/livez"' not in edge.log.read_text()


def test_log__can_be_read_by_the_shipper(edge):
    edge.ask("/")
    assert edge.log.stat().st_mode & 0o044 == 0o044


def test_log__is_bounded(home):
    with (
        application() as server,
        start_nginx(home, Names(HOST), server.server_address[1], LOG_KIBIBYTES="1", LOG_CHECK_SECONDS="0.1") as edge,
    ):
        for _ in range(8):
            edge.ask("/")
        older = edge.log.with_name("access.1.jsonl")
        wait_until(older.exists, "the full log is renamed")
        wait_until(edge.log.exists, "a new log is opened")
        edge.ask("/after")

        def both() -> str:
            return "".join(log.read_text() for log in (edge.log, older) if log.exists())

        wait_until(lambda: "/after" in both(), "a line in the new log")


# bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("APPLICATION", "web:8000; return 200"),
        ("MAX_BODY_SIZE", "10m;"),
        ("TRUSTED_PROXIES", "10.0.0.0/8; deny"),
        ("RESOLVER", "a|b"),
        ("SIGN_IN_PATHS", "/a/,/b;"),
    ],
)
def test_variable__that_is_no_value_is_refused(tmp_path, variable, value):
    environment = {
        "PATH": os.environ["PATH"], "CONFIGURATION_DIRECTORY": str(SOURCE), "RUN_DIRECTORY": str(tmp_path),
        "RESOLVER": HOST, variable: value,
    }  # fmt: skip
    ended = subprocess.run(
        ["sh", SOURCE / "entrypoint.sh"], env=environment, capture_output=True, text=True, timeout=10
    )
    assert ended.returncode == 78
    assert variable in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_certificate__without_its_key_is_refused(tmp_path):
    (tmp_path / "certificate.pem").touch()
    environment = {
        "PATH": os.environ["PATH"], "CONFIGURATION_DIRECTORY": str(SOURCE), "RUN_DIRECTORY": str(tmp_path / "run"),
        "RESOLVER": HOST, "TLS_DIRECTORY": str(tmp_path),
    }  # fmt: skip
    ended = subprocess.run(
        ["sh", SOURCE / "entrypoint.sh"], env=environment, capture_output=True, text=True, timeout=10
    )
    assert (ended.returncode, "key.pem is missing" in ended.stderr) == (78, True)
