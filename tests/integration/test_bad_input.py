"""What no honest client sends: one valid line each, or the server's own refusal; bounded series; no 500."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.site.servers import TOKEN, Line, Server, eventually, new_id
from tests.integration.test_outcomes import reset

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


class Told(NamedTuple):
    """What came back over the socket, and the line if the request got as far as the application."""

    status: int  # 0 when the server just closed the connection
    line: Line | None


def send(site: Server, data: bytes, patience_seconds: float = 2.0) -> Told:
    """Send bytes, read what comes until the server closes, and take the one line if there must be one.

    A server that waits for more is told after `patience_seconds` that nothing will come.
    """
    known = len(site.lines())  # Hypothesis sends the same id again and again
    with site.connect() as connection:
        connection.settimeout(patience_seconds)
        answer = b""
        try:
            connection.sendall(data)
            answer = read(connection, answer)
        except OSError:
            pass  # it may close before it has read all
    statuses = [int(status) for status in re.findall(rb"(?:^|\n)HTTP/1\.[01] (\d+)", answer)]
    status = next((status for status in statuses if status >= 200), 0)
    request_id = re.search(rb"(?i)\r\nx-request-id: (.*)\r\n", answer)
    if request_id is None:
        return Told(status, None)
    wanted = request_id[1].decode()

    def new() -> list[Line]:
        new_lines = site.lines()[known:]
        return [line for line in site.request_lines(wanted) if any(line is one for one in new_lines)]

    (line,) = eventually(new, f"the line of {wanted} at {site.kind}")
    return Told(status, line)


def read(connection: socket.socket, answer: bytes) -> bytes:
    """Read until the server closes."""
    has_ended = False
    while True:
        try:
            part = connection.recv(65536)
        except TimeoutError:
            if has_ended:
                return answer
            connection.shutdown(socket.SHUT_WR)
            has_ended = True
            continue
        except OSError:
            return answer
        if not part:
            return answer
        answer += part


def request(
    method: bytes = b"GET", target: bytes = b"/ok", *headers: bytes, host: bytes = b"127.0.0.1", body: bytes = b""
) -> bytes:
    """Return the bytes of a request that is wrong where one wants it to be."""
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, b"Connection: close", *headers, b"", body]
    return b"\r\n".join(lines)


def told_of(site: Server, data: bytes) -> Line:
    """Send what must reach the application without harm, and return its line."""
    told = send(site, data, 20.0)
    assert told.line is not None, f"{site.kind} refused it with {told.status}"
    assert told.status < 500
    return told.line


def refused_or_told(site: Server, data: bytes, patience_seconds: float = 2.0) -> Told:
    """Send what a server may refuse; never is there a 500."""
    told = send(site, data, patience_seconds)
    assert told.status < 500 or told.status == 501
    assert told.line is not None or told.status == 0 or 400 <= told.status < 500 or told.status == 501
    return told


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b" ",
        b"a" * 65,
        b"a" * 5000,
        b"two words",
        b"../../etc/passwd",
        b"<script>",
        b"\xf0\x9f\x92\xa9",
        b"a\tb",
        b"{}",
    ],
)
def test_request_id__that_is_none_is_replaced(site, forged):
    told = refused_or_told(site, request(b"GET", b"/ok", b"X-Request-ID: " + forged))
    if told.line is not None:
        request_id = told.line["http"]["request"]["id"]
        assert REQUEST_ID.fullmatch(request_id)
        assert request_id.encode() != forged.strip()


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01",
        b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        b"0" * 5000,
        b"\xe2\x80\xa8",
    ],
)
def test_traceparent__that_is_none_is_replaced(site, forged):
    told = refused_or_told(site, request(b"GET", b"/ok", b"traceparent: " + forged))
    if told.line is not None:
        assert TRACE_ID.fullmatch(told.line["trace"]["id"])
        assert told.line["trace"]["id"] != "4bf92f3577b34da6a3ce929d0e0e4736"


def test_traceparent__names_the_trace_and_never_the_request(site):
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    line = told_of(site, request(b"GET", b"/ok", b"traceparent: 00-%s-00f067aa0ba902b7-01" % trace_id.encode()))
    assert line["trace"]["id"] == trace_id
    assert line["http"]["request"]["id"] != trace_id


@pytest.mark.parametrize(
    ("method", "logged"),
    [
        (b"FROBNICATE", "_OTHER"),
        (b"PROPFIND", "_OTHER"),
        (b"get", "GET"),
        (b"Get", "GET"),
        (b"X" * 5000, "_OTHER"),
        (b"G'T", "_OTHER"),
    ],
)
def test_method__that_is_unknown_has_one_name(site, method, logged):
    told = refused_or_told(site, request(method))
    if told.line is not None:
        assert told.line["http"]["request"]["method"] == logged


@pytest.mark.parametrize("method", [b"", b"G\x00T", b"G T", b"\xf0\x9f\x92\xa9", b"(GET)"])
def test_method__that_is_no_token(site, method):
    refused_or_told(site, request(method))


@pytest.mark.parametrize(
    "host", [b"evil.example", b"", b"a b", b"-", b"[::1", b"x" * 300, b"evil.example\x00", b"127.0.0.1:99999999"]
)
def test_host__that_is_not_ours(site, host):
    told = refused_or_told(site, request(b"GET", b"/host", host=host))
    if told.line is not None:
        assert told.line["http"]["response"]["status_code"] in (200, 400)
        assert told.line["django"]["outcome"] == "ok"


def test_headers__a_thousand_of_them(site):
    refused_or_told(site, request(b"GET", b"/ok", *(b"X-%d: %d" % (n, n) for n in range(1000))))


def test_headers__one_of_a_megabyte(site):
    refused_or_told(site, request(b"GET", b"/ok", b"X-Large: " + b"x" * 1_000_000))


@pytest.mark.parametrize("size", [5_000, 60_000, 200_000])
def test_cookie__that_is_huge(site, size):
    told = refused_or_told(site, request(b"GET", b"/ok", b"Cookie: a=" + b"x" * size))
    assert told.line is None or "xxxx" not in str(told.line)


@pytest.mark.parametrize("size", [3_000, 60_000, 200_000])
def test_query_string__that_is_huge(site, size):
    told = refused_or_told(site, request(b"GET", b"/ok?page=" + b"y" * size))
    assert told.line is None or len(str(told.line)) < 16_384


@pytest.mark.parametrize("size", [3_000, 30_000])
def test_path__that_is_huge(site, size):
    told = refused_or_told(site, request(b"GET", b"/" + b"z" * size))
    assert told.line is None or told.line["django"]["outcome"] == "unrouted"


@pytest.mark.parametrize(
    "path",
    [
        b"/%ff%fe", b"/a%0ab%0d%0ac", b"/%1b%5b31mred", b"/%f0%9f%92%a9", b"/%ed%a0%80", b"/%e2%80%a8",
        b"/%c3%28", b"/%7f%01%02", b"//evil.example/x", b"/../../etc/passwd", b"/%", b"/%zz", b"/%25%30%30",
        b"/{}${jndi:ldap://x}", b"/'\"<>",
    ],
)  # fmt: skip
def test_path__that_is_odd_is_one_line(site, path):
    line = told_of(site, request(b"GET", path))
    assert line["django"]["outcome"] == "unrouted"
    assert "view" not in line["django"]


@pytest.mark.parametrize("path", [b"/\xff\xfe", b"/\xf0\x9f\x92\xa9", b"/a\x00b", b"/a\x0bb", b"/a\tb", b"/\x1b[31m"])
def test_path__of_bytes_that_must_be_escaped(site, path):
    refused_or_told(site, request(b"GET", path))


@pytest.mark.parametrize(
    "target", [b"http://evil.example/ok", b"http://127.0.0.1/ok", b"*", b"ok", b"", b"ftp://x", b"http://[::1"]
)
def test_target__of_another_form(site, target):
    refused_or_told(site, request(b"GET", target))


@pytest.mark.parametrize(
    "length",
    [b"abc", b"-1", b"+5", b"5, 5", b"0x10", b"1e3", b"9" * 30, b"\xd9\xa5", b"5\r\nContent-Length: 6", b"1_000"],
)
def test_content_length__that_lies(site, length):
    told = refused_or_told(site, request(b"POST", b"/ok", b"Content-Length: " + length, body=b"12345"))
    if told.line is not None:
        assert 0 <= told.line["http"]["request"]["body"]["bytes"] < 2**63


def test_content_length__of_a_body_that_never_comes(site):
    told = refused_or_told(site, request(b"POST", b"/upload", b"Content-Length: 100", body=b"12345"), 0.1)
    if told.line is not None:
        assert told.line["http"]["response"]["status_code"] in (200, 400, 499)


def test_chunks__that_break_off(site):
    # gunicorn's WSGI workers take what came for the whole
    refused_or_told(site, request(b"POST", b"/upload", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\nff"), 0.1)


@pytest.mark.parametrize("site", ["gunicorn sync", "gunicorn gthread"], indirect=True)
def test_upload__that_breaks_off_is_a_client_that_left(site):
    request_id = new_id()
    connection = site.connect()
    head = request(b"POST", b"/upload", b"X-Request-ID: " + request_id.encode(), b"Content-Length: 1000000")
    connection.sendall(head + b"x" * 1000)
    eventually(lambda: site.lines_of(request_id), "the view has begun")
    reset(connection)
    line = site.line_of(request_id)
    assert (line["django"]["outcome"], line["http"]["response"]["status_code"]) == ("disconnect", 499)
    assert line["log.level"] == "warning"


@pytest.mark.parametrize(
    "start",
    [b"nan", b"t=nan", b"inf", b"-inf", b"1e400", b"-1", b"t=", b"t=abc", b"9" * 1000, b"0", b"t=1e-400", b"\xd9\xa1"],
)
def test_queue__that_no_clock_shows(site, start):
    line = told_of(site, request(b"GET", b"/ok", b"X-Request-Start: " + start))
    assert "queue_duration" not in line["django"]


@pytest.mark.parametrize(
    "forwarded",
    [
        b"",
        b"unknown",
        b"::",
        b"1.2.3.4.5",
        b"_hidden",
        b"'; DROP TABLE",
        b", , ,",
        b"1.2.3.4," * 500,
        b"fe80::1%eth0",
        b"[::1]:80",
        b"\xff",
    ],
)
def test_forwarded_for__that_is_no_address(site, forwarded):
    told = refused_or_told(site, request(b"GET", b"/ok", b"X-Forwarded-For: " + forwarded))
    if told.line is not None and "client" in told.line:
        assert re.fullmatch(r"[0-9a-f.:]+(%[a-z0-9]+)?", told.line["client"]["address"])


@pytest.mark.parametrize("expectation", [b"100-continue", b"nonsense", b"", b"200-ok"])
def test_expect(site, expectation):
    refused_or_told(site, request(b"POST", b"/upload", b"Expect: " + expectation, b"Content-Length: 2", body=b"ab"))


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n", b"GET\r\n\r\n", b"GET /ok\r\n\r\n", b"GET /ok HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /ok HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /ok HTTP/1.1\r\n Folded: 1\r\n\r\n", b"GET /ok HTTP/1.1\r\nBad Name: 1\r\n\r\n",
        b"POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)  # fmt: skip
def test_nonsense(site, data):
    refused_or_told(site, data, 0.1)


def test_refusals__are_logged_by_the_server(site):
    if site.kind == "gunicorn asgi":
        return  # it refuses without a word
    logger = "uvicorn.error" if site.kind == "uvicorn" else "gunicorn.error"
    send(site, b"NONSENSE\r\n\r\n", 0.1)
    eventually(
        lambda: any(line["log.logger"] == logger and line["log.level"] == "warning" for line in site.lines()),
        "a warning of the server",
    )


def series(site: Server) -> int:
    """Return how many HTTP series there are."""
    lines = site.get("/metrics", TOKEN).body.decode().splitlines()
    return sum(re.match(r"django_(ops_)?http_", line) is not None for line in lines)


def test_series__do_not_grow_with_what_clients_invent(site):
    def flood(first: int) -> None:
        for number in range(first, first + 50):
            method, path = b"M%d" % number, b"/p%d" % number
            send(site, request(method, path), 20.0)
            send(site, request(b"GET", path, b"X-Request-ID: id-%d" % number, b"X-Requested-With: %d" % number), 20.0)

    flood(0)
    before = series(site)
    flood(1000)
    assert series(site) == before


TOKENS = st.sampled_from(
    [
        b"GET", b"POST", b" ", b"/ok", b"/missing?x", b"/stream", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r",
        b":", b"Host: 127.0.0.1", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X-Request-ID: ",
        b"traceparent: ", b"Cookie: ", b"%00", b"\x00", b"\xff", b"Connection: keep-alive", b"Upgrade: h2c",
        b"Expect: 100-continue", b"0\r\n\r\n", b"5\r\nhello\r\n", b"\r\n\r\n",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [b"X-Request-ID", b"traceparent", b"User-Agent", b"X-Forwarded-For", b"X-Request-Start", b"Cookie", b"Host"]
)
HOSTILE = st.lists(TOKENS | st.binary(max_size=40), min_size=1, max_size=25).map(b"".join)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=HOSTILE)
def test_anything__leaves_the_server_alive(site, data):
    send(site, data, 0.05)
    assert site.get("/livez").status == 200
    site.lines()  # each is valid


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.binary(max_size=60), value=st.binary(max_size=60), name=NAMES)
def test_anything__in_a_target_and_a_header(site, target, value, name):
    refused_or_told(site, request(b"GET", b"/" + target, name + b": " + value), 0.1)
