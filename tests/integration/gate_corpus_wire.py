"""The part of the corpus that is about servers: where a request ends, which host it is for, what an answer may do."""

from __future__ import annotations

from collections.abc import Iterator

from tests.integration.gate_corpus_case import MARKER, Case, get, request

# Smuggling: a second request behind the first, where servers disagree where the first one ends ------------------------


def smuggling() -> Iterator[Case]:
    second = "GET /ops/closed/intruder HTTP/1.1\r\nHost: x\r\n\r\n"
    chunked = f"0\r\n\r\n{second}"
    own = "Origin: http://ops.example.com"
    variants: dict[str, tuple[tuple[str, ...], str]] = {
        "CL.TE": (("Content-Length: {length}", "Transfer-Encoding: chunked"), chunked),
        "TE.CL": (("Transfer-Encoding: chunked", "Content-Length: 3"), chunked),
        "TE.TE, a space": (("Transfer-Encoding : chunked", "Content-Length: 0"), chunked),
        "TE.TE, xchunked": (("Transfer-Encoding: xchunked", "Content-Length: 0"), chunked),
        "TE.TE, two": (("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), chunked),
        "TE, a tab": (("Transfer-Encoding:\tchunked",), chunked),
        "TE, an underscore": (("Transfer_Encoding: chunked",), chunked),
        "two lengths": (("Content-Length: 0", "Content-Length: {length}"), second),
        "two lengths in one": (("Content-Length: 0, {length}",), second),
        "length with a sign": (("Content-Length: +0",), second),
        "length in hexadecimals": (("Content-Length: 0x0",), second),
        "length below 0": (("Content-Length: -1",), second),
        "a chunk with a sign": (("Transfer-Encoding: chunked",), f"+0\r\n\r\n{second}"),
        "a chunk's extension with a line feed": (("Transfer-Encoding: chunked",), f"0;\n\r\n{second}"),
        "a chunk's size that overflows": (("Transfer-Encoding: chunked",), f"fffffffffffffffff\r\n{second}"),
        "a trailer": (
            ("Transfer-Encoding: chunked", "Trailer: X-Webauth-User"),
            "0\r\nX-Webauth-User: intruder\r\n\r\n",
        ),
        "no length at all": ((), second),
    }
    for what, (headers, body) in variants.items():
        filled = [header.format(length=len(body)) for header in headers]
        for method in ("GET", "POST"):
            yield Case(
                f"smuggling, {method}: {what}",
                request(f"{method} /ops/flower/ HTTP/1.1", own, *filled, "Connection: keep-alive", by="ann", body=body),
                "ann",
                ("flower",),
            )
    yield Case("smuggling: bare line feeds", "GET /ops/closed/ HTTP/1.1\nHost: ops.example.com\nConnection: close\n\n")
    yield Case(
        "smuggling: a line feed in a header", request("GET /ops/closed/ HTTP/1.1", "X-Note: a\nCookie: sessionid=x")
    )
    yield Case(
        "smuggling: a carriage return in a header",
        request("GET /ops/grafana/ HTTP/1.1", "X-Note: a\rX-Webauth-User: intruder", by="ann"),
        "ann",
        ("grafana",),
    )
    yield Case(
        "smuggling: pipelined",
        request("GET /livez HTTP/1.1", "Connection: keep-alive") + request("GET /ops/closed/intruder HTTP/1.1"),
    )
    yield Case(
        "smuggling: expectation",
        request("POST /ops/closed/ HTTP/1.1", "Expect: 100-continue", "Content-Length: 8", body="intruder"),
    )


# Hosts, versions, and our own locations -------------------------------------------------------------------------------


_HOSTS = (
    "evil.example", "127.0.0.1:5555", "flower:5555", "ops.example.com:99999", "ops.example.com, evil.example",
    "ops.example.com/ops/flower", "localhost", "", "[::1]", "ops.example.com.",
)  # fmt: skip


def surroundings() -> Iterator[Case]:
    for host in _HOSTS:
        yield get(f"host, nobody: {host}", "/ops/closed/", host=host)
    for host in ("evil.example", "flower:5555", "localhost"):
        yield get(f"host, ann: {host}", "/ops/flower/", by="ann", host=host)
    yield Case("host: two", request("GET /ops/flower/ HTTP/1.1", "Host: evil.example", by="ann"), "ann")
    yield Case("version: 0.9", "GET /ops/closed/\r\n")
    yield Case("version: 1.0 without a host", "GET /ops/closed/ HTTP/1.0\r\n\r\n")
    yield Case("version: 2.0", request("GET /ops/closed/ HTTP/2.0"))
    for path in (
        "/_ops/gate/grafana/", "/_ops/gate/grafana/sign-in", "/_ops//gate/grafana/", "/_ops/gate/./grafana/",
        "/%5fops/gate/grafana/", "/_ops/gate/x/../grafana/", "/_ops/gate/grafana/?x", "//_ops/gate/grafana/",
        "/_ops/gate/grafana", "/_OPS/gate/grafana/",
    ):  # fmt: skip
        yield get(f"our own location: {path}", path, by="ann")
    for name in ("X-Original-URI", "X-Forwarded-Uri", "X-Auth-Request-Redirect", "X-Forwarded-Host"):
        yield get(
            f"sign-in: {name} leads elsewhere",
            "/ops/flower/",
            f"{name}: https://intruder.example/",
            "Accept: text/html",
        )
    for path in ("/ops/flower/?next=//evil.example", "/ops/flower/?rd=https://evil.example"):
        yield get(f"sign-in: {path}", path, "Accept: text/html")
    for what, header in {
        "a session for the site": "Set-Cookie:sessionid=intruder;%20Path=/",
        "a token for the site": "Set-Cookie:csrftoken=intruder;%20Path=/",
        "one of our own locations": "X-Accel-Redirect:/_ops/gate/grafana/",
        "who somebody is": "X-Ops-User:root",
    }.items():
        yield get(
            f"answer of a UI: {what}",
            f"/ops/flower/?h={header}".replace(MARKER, "%69ntruder"),
            by="ann",
            open_to=("flower",),
        )
