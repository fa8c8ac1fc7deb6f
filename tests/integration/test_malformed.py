"""What Django and PostgreSQL answer with 500 is refused: 400, one line, no traceback, under each server."""

from __future__ import annotations

import pytest

from tests.integration.site.servers import Server
from tests.integration.test_bad_input import request, send

FORM = b"Content-Type: application/x-www-form-urlencoded; charset="
MALFORMED = [
    (b"/ok", b'Cookie: sessionid="abcdefgh\\000"'),
    (b"/ok", FORM + b"utf-16"),
    (b"/missing", FORM + b"cp037"),
    (b"/ok?a=%ff", b"Content-Type: application/json; charset=base64"),
    (b"/ok?a=%ff", b"Content-Type: multipart/form-data; boundary=b; charset=idna"),
    (b"/ok", b"Content-Type: text/plain; charset*=none''%ff"),
    (b"/ok", b"Content-Type: text/plain; a*=undefined''%ff"),
    (b"/ok?" + b"a&" * 1500, b"Content-Type: text/plain; charset=utf-8"),
    (b"/ok?a=%00", b"Accept: */*"),
    (b"/o%00k", b"Accept: */*"),
]


@pytest.mark.parametrize(("target", "header"), MALFORMED)
def test_malformed__is_refused_in_one_line(site: Server, target: bytes, header: bytes) -> None:
    told = send(site, request(b"POST", target, header, b"Content-Length: 0"), 20.0)
    assert told.line is not None
    assert (told.status, told.line["log.level"]) == (400, "warning")
    assert "error" not in told.line


def test_probe__that_is_malformed_is_answered(site: Server) -> None:
    assert send(site, request(b"GET", b"/livez?a=%00", b"Content-Type: a/b; x*=none''%ff"), 20.0).status == 200
