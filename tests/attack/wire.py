"""One request as its parts, so that it can be taken apart again, and the bytes that a client sends of it."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote_from_bytes, urlsplit

#: No page of a healthy site takes as long.
ANSWER_SECONDS = 30.0
BOUNDARY = b"boundary"

#: "100 Continue", before the answer proper.
_INTERIM = re.compile(rb"\A(HTTP/1\.1 1\d\d [^\r]*\r\n\r\n)+")

Pairs = tuple[tuple[bytes, bytes], ...]


class Address(NamedTuple):
    """Where the site listens on this machine."""

    host: str
    port: int


def address_of(url: str) -> Address:
    """Return where `url` is. Raises ValueError for one that is not plain HTTP to a loopback address."""
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        is_here = parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise ValueError(f"{url} is not http:// to a loopback address: only a site on this machine is attacked")
    return Address(host, parts.port or 80)


@dataclass(frozen=True)
class Request:
    """A request that may be wrong anywhere. `form` is sent as `content_type` says, `body` in its place if it is set."""

    page: str
    method: bytes = b"GET"
    path: bytes = b"/"
    query: Pairs = ()
    headers: Pairs = ()
    cookies: Pairs = ()
    content_type: bytes = b""
    form: Pairs = ()
    body: bytes | None = None

    def encoded(self, host: str) -> bytes:
        """Return its bytes. A Host, Content-Length or Transfer-Encoding among its headers replaces the true one."""
        names = {name.lower() for name, _ in self.headers}
        target = self.path + (b"?" + _urlencoded(self.query) if self.query else b"")
        lines = [b"%s %s HTTP/1.1" % (self.method, target)]
        if b"host" not in names:
            lines.append(b"Host: " + host.encode())
        lines += [name + b": " + value for name, value in self.headers]
        if self.cookies:
            lines.append(b"Cookie: " + b"; ".join(name + b"=" + value for name, value in self.cookies))
        body = self._body()
        if self.content_type:
            lines.append(b"Content-Type: " + self.content_type)
        if body and not names & {b"content-length", b"transfer-encoding"}:
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join([*lines, b"Connection: close", b"", body])

    def _body(self) -> bytes:
        if self.body is not None:
            return self.body
        if not self.content_type.startswith(b"multipart/"):
            return _urlencoded(self.form)
        parts = [
            b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (BOUNDARY, name, value)
            for name, value in self.form
        ]
        return b"".join([*parts, b"--", BOUNDARY, b"--\r\n"])


def _urlencoded(pairs: Pairs) -> bytes:
    return "&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in pairs).encode()


class Answer(NamedTuple):
    """What came back; status 0 when the server closed the connection without a word."""

    status: int
    head: bytes
    body: bytes


def exchange(address: Address, sent: bytes, seconds: float = ANSWER_SECONDS, *, end: bool = False) -> bytes:
    """Send bytes as they are, and return what comes back until the server closes, or falls silent for so long.

    With `end`, the server is told that nothing follows: it may wait for more than there is.
    """
    received = b""
    try:
        with socket.create_connection(address, seconds) as connection:
            connection.sendall(sent)
            if end:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
    except OSError:
        pass  # it may close before it has read all, and what it said until then counts
    return received


def send(address: Address, request: Request) -> Answer:
    """Send a request over a connection of its own, and read until the server closes it."""
    lies = {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in request.headers}
    received = _INTERIM.sub(b"", exchange(address, request.encoded(address.host), end=bool(lies)))
    status = re.match(rb"HTTP/1\.[01] (\d{3})", received)
    head, _, body = received.partition(b"\r\n\r\n")
    return Answer(int(status[1]) if status else 0, head, body)
