"""Starts real servers with the test site, talks to them over sockets, and reads what they log and count."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.services import held_port
from tests.unit.logs.examples import VALIDATOR

Line = dict[str, Any]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
T = TypeVar("T")

ROOT = Path(__file__).parents[3]
REQUEST_LOGGER = "django_ops.request"
TOKEN = {"Authorization": "Bearer let-me-scrape"}
PATIENCE_SECONDS = 60.0
CONFIGURATION = "python:django_ops.gunicorn"

_GUNICORN = (str(Path(sys.executable).with_name("gunicorn")), "--no-control-socket", "--graceful-timeout", "5")
WSGI, ASGI = "tests.integration.site.wsgi", "tests.integration.site.asgi:application"
_PROGRAMS = Path(sys.executable).parent
#: A socket is handed on to those that can take it; others bind to a port that is held for them.
_DESCRIPTOR, _PORT = "{descriptor}", "{port}"
_GUNICORN_BIND = ("--bind", f"fd://{_DESCRIPTOR}")
#: How each kind of server is started, but for its socket.
COMMANDS: dict[str, tuple[str, ...]] = {
    "gunicorn sync": (*_GUNICORN, "--worker-class", "sync", WSGI),
    "gunicorn gthread": (*_GUNICORN, "--worker-class", "gthread", "--threads", "8", WSGI),
    "gunicorn asgi": (*_GUNICORN, "--worker-class", "asgi", ASGI),
    "gunicorn gevent": (*_GUNICORN, "--worker-class", "gevent", WSGI),
    "gunicorn uvicorn": (*_GUNICORN, "--worker-class", "uvicorn_worker.UvicornWorker", ASGI),
    "uvicorn": (sys.executable, "-m", "tests.integration.site.with_uvicorn", _DESCRIPTOR),
    "hypercorn": (
        str(_PROGRAMS / "hypercorn"), "--bind", f"fd://{_DESCRIPTOR}", "--error-logfile", os.devnull, ASGI,
    ),
    "daphne": (str(_PROGRAMS / "daphne"), "--fd", _DESCRIPTOR, "--access-log", os.devnull, ASGI),
    "granian asgi": (str(_PROGRAMS / "granian"), "--interface", "asginl", "--port", _PORT, ASGI),
    "granian wsgi": (str(_PROGRAMS / "granian"), "--interface", "wsgi", "--port", _PORT, f"{WSGI}:application"),
    "waitress": (str(_PROGRAMS / "waitress-serve"), f"--listen=127.0.0.1:{_PORT}", f"{WSGI}:application"),
    "uwsgi": (
        str(_PROGRAMS / "uwsgi"), "--http-socket", f"127.0.0.1:{_PORT}", "--module", f"{WSGI}:application",
        "--master", "--processes", "1", "--enable-threads", "--die-on-term", "--need-app", "--disable-logging",
    ),
}  # fmt: skip
#: What every outcome is tried with, in each of its ways; the others are in test_servers.py.
KINDS = ("gunicorn sync", "gunicorn gthread", "gunicorn asgi", "uvicorn")
ASYNC_KINDS = ("gunicorn asgi", "uvicorn")


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]  # by lower-case name
    body: bytes

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]


def eventually(ask: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until there is an answer. Raises TimeoutError, which says what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        found = ask()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} seconds in vain: {what}")
        time.sleep(0.005)


class Server:
    """One running server: its process, its port, and the file that its standard output goes to."""

    def __init__(self, kind: str, directory: Path, *options: str, **environment: str | None) -> None:
        self.kind = kind
        self.is_async = kind in ASYNC_KINDS or ASGI in COMMANDS[kind]
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / "output.jsonl"
        self.errors = directory / "errors.txt"
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        command = [*COMMANDS[kind]]
        if kind.startswith("gunicorn"):
            command += () if "--bind" in options else _GUNICORN_BIND
            command += () if "--config" in options else ("--config", CONFIGURATION)
        if "--bind" in options:
            self.port = int(options[options.index("--bind") + 1].rpartition(":")[2])
        elif any(_PORT in word for word in command):
            self.port = held_port()
        places = {_DESCRIPTOR: str(self.listener.fileno()), _PORT: str(self.port)}
        self.command = [_filled(word, places) for word in (*command, *options)]
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.integration.site.settings",
            "SITE_DIRECTORY": str(directory),
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        if "PROMETHEUS_MULTIPROC_DIR" not in environment:
            self.environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        self.environment = {name: value for name, value in self.environment.items() if value is not None}
        self.process: subprocess.Popen[bytes]
        self._answered: list[str] = []  # the ids of requests whose lines nobody has waited for
        self._read_bytes = 0
        self._lines: list[Line] = []

    def start(self, wait: bool = True) -> None:
        """Start it; with `wait`, until it answers."""
        with self.log.open("ab") as output, self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=errors,
                pass_fds=[self.listener.fileno()],
            )
        # the server alone holds the socket from here on: when it ends, connections are refused
        self.listener.close()
        if wait:
            eventually(self.is_alive, f"{self.kind} answers: {self.said}")

    @property
    def said(self) -> str:
        """What it printed, for error messages."""
        return self.errors.read_text(errors="replace")[-3000:] + self.log.read_text(errors="replace")[-3000:]

    def is_alive(self) -> bool:
        """Tell whether it answers; fail when its process has ended."""
        assert self.process.poll() is None, f"{self.kind} ended with {self.process.returncode}: {self.said}"
        try:
            # not in haste: a worker that serves one request only must not be given up, or there is never one
            return self.get("/livez").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, by force if need be, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def get(self, path: str, headers: dict[str, str] | None = None, timeout: float = PATIENCE_SECONDS) -> Answer:
        """Send a GET over a new connection and return the whole answer."""
        return self.ask("GET", path, headers=headers, timeout=timeout)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = PATIENCE_SECONDS,
    ) -> Answer:
        """Send a request over a new connection and return the whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, headers, response.read())
            if "x-request-id" in headers:
                self._answered.append(answer.request_id)
            return answer
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """Return a new connection, for what is no proper request."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)

    def begin(self, path: str, request_id: str, method: str = "GET") -> socket.socket:
        """Send a request and return its connection, with nothing read."""
        connection = self.connect()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: {request_id}\r\n\r\n"
        connection.sendall(head.encode())
        return connection

    def lines(self) -> list[Line]:
        """Return all lines that it has written so far, each of which must be valid."""
        with self.log.open("rb") as file:
            file.seek(self._read_bytes)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for text in whole.splitlines():
            if self.kind.startswith("granian") and text.startswith(b"["):
                continue  # its first process has never heard of Django
            line = json.loads(text)
            VALIDATOR.validate(line)
            self._lines.append(line)
        return self._lines

    def lines_of(self, request_id: str) -> list[Line]:
        """Return all lines that were written within a request."""
        return [line for line in self.lines() if line.get("http", {}).get("request", {}).get("id") == request_id]

    def request_lines(self, request_id: str | None = None) -> list[Line]:
        """Return the lines that tell of requests, or of the one with this id."""
        lines = self.lines() if request_id is None else self.lines_of(request_id)
        return [line for line in lines if line["log.logger"] == REQUEST_LOGGER]

    def line_of(self, request_id: str) -> Line:
        """Wait for the line of a request, and return it."""
        what = f"the line of {request_id} at {self.kind}"
        return eventually(lambda: next(iter(self.request_lines(request_id)), None), what)

    def settle(self) -> None:
        """Wait for the lines of all requests that were answered: each comes after its answer."""
        while self._answered:
            self.line_of(self._answered.pop())

    def scrape(self) -> Samples:
        """Return the samples of HTTP metrics by name and labels, of histograms the sum and the count."""
        answer = self.get("/metrics", TOKEN)
        assert answer.status == 200, answer
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
            if re.match(r"django_(ops_)?http_", sample.name) and not sample.name.endswith("_bucket")
        }


def _filled(word: str, places: dict[str, str]) -> str:
    for place, value in places.items():
        word = word.replace(place, value)
    return word


def new_id() -> str:
    """Return a request id of our own choosing, which the servers believe as they trust their loopback peers."""
    return f"test-{uuid.uuid4().hex[:16]}"


def growth(before: Samples, after: Samples) -> Samples:
    """Return what has changed, and by how much."""
    return {key: value - before.get(key, 0.0) for key, value in after.items() if value != before.get(key, 0.0)}


@contextmanager
def running(kind: str, directory: Path, *options: str, **environment: str | None) -> Iterator[Server]:
    """Run a server for the length of a block."""
    server = Server(kind, directory, *options, **environment)
    try:
        server.start()
        yield server
    finally:
        server.listener.close()
        if hasattr(server, "process"):
            server.stop()
