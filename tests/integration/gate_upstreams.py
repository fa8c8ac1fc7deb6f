"""UIs that keep every byte that they get, and tell what they got."""

from __future__ import annotations

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import unquote

from tests.integration.services import HOST, wait_until

#: For how long a UI listens for more on a connection that it has answered: for what was smuggled behind a request.
_LISTEN_SECONDS = 0.05


class Upstream(socketserver.ThreadingTCPServer):
    """A UI that keeps every byte that it gets, and answers by its path."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__((HOST, 0), _Connection)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.received: list[bytearray] = []  # one entry for each connection
        self.open_connections = 0
        self.port: int = self.server_address[1]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    def take(self) -> bytes:
        """Return all that came since the last time, when nothing more can come."""
        wait_until(lambda: self.open_connections == 0, "the UI's connections are closed")
        taken = b"\n====\n".join(bytes(data) for data in self.received)
        self.received.clear()
        return taken


class _Connection(socketserver.BaseRequestHandler):
    server: Upstream

    def handle(self) -> None:
        data = bytearray()
        self.server.open_connections += 1
        self.server.received.append(data)
        try:
            head, body = self._read(data)
            self.request.sendall(_answer(self.server, head, body))
            self.request.settimeout(_LISTEN_SECONDS)
            while part := self.request.recv(65536):
                data += part
        except OSError:
            pass
        finally:
            self.server.open_connections -= 1

    def _read(self, data: bytearray) -> tuple[bytes, bytes]:
        while b"\r\n\r\n" not in data and (part := self.request.recv(65536)):
            data += part
        head = bytes(data).partition(b"\r\n\r\n")[0]
        lines = head.lower().split(b"\r\n")[1:]
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        while len(data) < len(head) + 4 + length and (part := self.request.recv(65536)):
            data += part
        return head, bytes(data[len(head) + 4 :])


def _answer(server: Upstream, head: bytes, body: bytes) -> bytes:
    """What the UI says: an echo, with the headers that the query asks for as `h=Name:value`, separated by &."""
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target = rest.rpartition(" ")[0]
    status, extra = 200, []
    for part in target.partition("?")[2].split("&"):
        key, _, value = part.partition("=")
        if key == "status":
            status = int(value)
        elif key == "h":
            name, _, content = unquote(value).replace("PORT", str(server.port)).partition(":")
            extra.append(f"{name}: {content}")
    pairs = [line.decode("latin-1").partition(": ") for line in head.split(b"\r\n")[1:]]
    content = {
        "target": target,
        "method": method,
        "headers": {name.lower(): value for name, _, value in pairs},
        "body": body.decode("latin-1"),
    }
    text = json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json", "Connection: close", *extra]
    return "\r\n".join([*lines, f"Content-Length: {len(text)}", "", ""]).encode() + text


@contextmanager
def upstreams(*names: str) -> Iterator[dict[str, Upstream]]:
    """Run UIs with these names."""
    with ExitStack() as stack:
        found = {}
        for name in names:
            found[name] = server = stack.enter_context(Upstream())
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            stack.callback(server.shutdown)
        yield found
