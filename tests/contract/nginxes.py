"""A real nginx with our configuration, between a client and a small application whose name a small DNS server tells."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.services import HOST, held_port, running, wait_until
from tests.programs import require

SOURCE = Path(__file__).parents[2] / "dockerfiles" / "nginx"
NAME = "app.test"


class Answer(NamedTuple):
    """What a client got."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.body)


class Names:
    """A DNS server that knows one name, and can be told another address for it, or none."""

    def __init__(self, address: str | None) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.port: int = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, client = self.socket.recvfrom(512)
            except OSError:
                return  # closed
            known = self.address is not None
            header = question[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, int(known), 0, 0)
            answer = header + question[12:]
            if self.address is not None:
                # its name is the one at offset 12; for ten minutes, as Docker's own server says
                answer += struct.pack(">HHHIH", 0xC00C, 1, 1, 600, 4) + socket.inet_aton(self.address)
            self.socket.sendto(answer, client)


class Application(BaseHTTPRequestHandler):
    """Answers with what it was asked; some paths do what an application may do."""

    protocol_version = "HTTP/1.1"
    served = 0  # on each server's own subclass

    def do_GET(self) -> None:
        type(self).served += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        if path == "/gone":  # it took the request, and its process dies
            self.close_connection = True
            return
        status, headers, content = self._content(path, body)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_POST = do_HEAD = do_PUT = do_GET  # noqa: N815

    def _content(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if path == "/large":
            etag = {"ETag": '"strong"', "Content-Type": "text/html"}
            if self.headers.get("If-None-Match", "").removeprefix("W/") == '"strong"':
                return 304, etag, b""
            return 200, etag, b"<p>" * 4096
        if path == "/own":
            return (
                200,
                {"X-Frame-Options": "SAMEORIGIN", "Referrer-Policy": "no-referrer", "X-Request-ID": "mine"},
                b"{}",
            )
        if path == "/busy":
            return 503, {}, b'{"status": "draining"}'
        seen = {name.lower(): value for name, value in self.headers.items()}
        server = self.server.server_address[0]
        return 200, {}, json.dumps({"headers": seen, "body": body.decode(), "server": server}).encode()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name for it
        """Say nothing."""


@contextmanager
def application(address: str = HOST, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """Run an application at this address; its handler class counts what it served."""
    handler = type("OneApplication", (Application,), {"served": 0})
    server = ThreadingHTTPServer((address, port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Edge:
    """An nginx that runs."""

    def __init__(self, directory: Path, port: int, tls_port: int, status_port: int) -> None:
        self.port, self.tls_port, self.status_port = port, tls_port, status_port
        self.run, self.log = directory / "run", directory / "log" / "access.jsonl"
        self.errors = directory / "output.log"
        self.entrypoint: subprocess.Popen[bytes]

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, *, by: str = HOST, **headers: str
    ) -> Answer:
        """Send one request over plain HTTP, `by` this address; underscores in names of headers are dashes."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60, source_address=(by, 0))
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(self, request: bytes, *, ends: bool = False) -> bytes:
        """Send bytes as they are, and return all that comes until the connection is closed or reset.

        `ends` says that nothing more is to come; otherwise nginx may wait 5 s for the rest of a body that it refused.
        """
        answer = b""
        with socket.create_connection((HOST, self.port), timeout=60) as connection:
            connection.sendall(request)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            try:
                while part := connection.recv(65536):
                    answer += part
            except ConnectionResetError:  # after what it had to say to a body that it does not want
                pass
        return answer

    def lines(self, count: int) -> list[dict[str, Any]]:
        """Wait until there are so many lines in the access log, and return them."""
        wait_until(lambda: len(self._raw_lines()) >= count, f"{count} lines in {self.log}")
        return [json.loads(line.decode()) for line in self._raw_lines()]

    def line(self, path: str) -> dict[str, Any]:
        """Wait for the access line of a request to `path`, and return the last one."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            found[:] = [line for line in self.lines(0) if line["url"]["path"] == path]
            return bool(found)

        wait_until(is_there, f"a line with {path} in {self.log}")
        return found[-1]

    def _raw_lines(self) -> list[bytes]:
        # but for a last one that may be half there
        return self.log.read_bytes().split(b"\n")[:-1] if self.log.exists() else []


def program() -> str:
    """Return where nginx is. Raises MissingProgramError."""
    return require("nginx", package="nginx-light")


def plain_configuration(directory: Path, http: str) -> str:
    """Return an nginx.conf that is not ours: `http` stands inside its block of that name; it writes to `directory`."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    return f"""\
daemon off;
pid {directory}/nginx.pid;
error_log stderr warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    {temporary}
{http}}}
"""


@contextmanager
def readable_directory() -> Iterator[Path]:
    """Make a directory that nginx's workers can read: those that root starts belong to nobody."""
    with tempfile.TemporaryDirectory(prefix="ops-nginx-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def configuration(directory: Path) -> Path:
    """Copy our configuration, in the words of the nginx that is installed."""
    copied = directory / "configuration"
    shutil.copytree(SOURCE, copied)
    version = re.search(r"nginx/(\d+)\.(\d+)", subprocess.run([program(), "-v"], capture_output=True, text=True).stderr)
    assert version is not None
    if (int(version[1]), int(version[2])) >= (1, 25):
        return copied
    # Debian 12's has HTTP/2 as a word of `listen`; every other directive is the same
    text = (copied / "tls.conf").read_text()
    text = text.replace("    http2 on;\n", "").replace(" ssl default_server;", " ssl http2 default_server;")
    (copied / "tls.conf").write_text(text)
    return copied


@contextmanager
def start_nginx(directory: Path, names: Names, application_port: int, **variables: str) -> Iterator[Edge]:
    """Run nginx by the entrypoint of its image, on ports of its own."""
    edge = Edge(directory, held_port(), held_port(), held_port())
    edge.log.parent.mkdir()
    environment = {
        "PATH": os.environ.get("PATH", "") + ":" + str(Path(program()).parent),
        "CONFIGURATION_DIRECTORY": str(configuration(directory)),
        "RUN_DIRECTORY": str(edge.run),
        "LOG_DIRECTORY": str(edge.log.parent),
        "WWW_DIRECTORY": str(directory / "www"),
        "TLS_DIRECTORY": str(directory / "tls"),
        "APPLICATION": f"{NAME}:{application_port}",
        "RESOLVER": f"{HOST}:{names.port}",
        "HTTP_PORT": f"{HOST}:{edge.port}",
        "TLS_PORT": f"{HOST}:{edge.tls_port}",
        "STATUS_PORT": f"{HOST}:{edge.status_port}",
        "PUBLIC_TLS_PORT": str(edge.tls_port),
        "WORKERS": "1",
        **variables,
    }
    command = ["sh", str(SOURCE / "entrypoint.sh")]
    with running(command, directory, lambda: _livez(edge), environment=environment) as edge.entrypoint:
        yield edge


def _livez(edge: Edge) -> bool:
    try:
        return edge.ask("/livez").status == 200
    except OSError:
        return False


def make_www(directory: Path) -> None:
    """Make what the application's image hands to nginx's: static files, one of them compressed beforehand."""
    static = directory / "www" / "static"
    (static / "folder").mkdir(parents=True)
    (directory / "www" / "prefix").write_text("/assets/\n")
    (static / "site.0123456789ab.css").write_text("a{}" * 1000)
    (static / "site.0123456789ab.css.gz").write_bytes(gzip.compress(b"a{}" * 1000, mtime=0))
    (static / "plain.txt").write_text("plain")
