"""Starts the site and the UI behind it, and talks to them as browsers do."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.services import HOST, held_port, stop, wait_until
from tests.whole_lines import whole_lines

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 60.0

#: For how long a decision may be reused, and within how long a websocket must have ended.
CACHE_SECONDS = 2.0


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """Return the value of a header that is there once."""
        (value,) = self.all(name)
        return value

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def upstream_headers(self) -> list[tuple[str, str]]:
        """What the UI was sent, as it tells."""
        return [(name.lower(), value) for name, value in self.json["headers"]]

    def upstream_header(self, name: str) -> list[str]:
        return [value for key, value in self.upstream_headers if key == name.lower()]


class Process:
    """A server of ours on a port of its own."""

    def __init__(self, command: list[str], directory: Path, **environment: str) -> None:
        self.listener = socket.create_server((HOST, 0), backlog=1024)
        self.port: int = self.listener.getsockname()[1]
        self.log = directory / f"{self.port}.log"
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
        self.environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        self.command = [word.replace("{fd}", str(self.listener.fileno())) for word in command]
        self.process: subprocess.Popen[bytes]

    @contextmanager
    def running(self, path: str) -> Iterator[None]:
        """Run it, from the moment it answers at `path`."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=output, stderr=output,
                pass_fds=[self.listener.fileno()],
            )  # fmt: skip
        self.listener.close()
        try:
            wait_until(lambda: self._answers(path), f"{self.command} answers: {self.said}")
            yield
        finally:
            stop(self.process)

    def _answers(self, path: str) -> bool:
        assert self.process.poll() is None, f"{self.command} ended: {self.said}"
        try:
            return ask(self.port, "GET", path).status == 200
        except (OSError, http.client.HTTPException):
            return False

    @property
    def said(self) -> str:
        """What it printed."""
        return self.log.read_text(errors="replace")[-8000:]

    @property
    def peak_kib(self) -> int:
        """The most memory that it has had since `forget_peak`."""
        return self._memory("VmHWM")

    @property
    def resident_kib(self) -> int:
        """The memory that it has."""
        return self._memory("VmRSS")

    def _memory(self, name: str) -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    def forget_peak(self) -> None:
        """Begin to measure `peak_kib` anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


def ask(
    port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **options: Any
) -> Answer:
    """Send a request over a new connection and return the whole answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, body, {"Connection": "close", **(headers or {})}, **options)
        response = connection.getresponse()
        return Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


class Browser:
    """Somebody who has signed in at the site, or nobody."""

    def __init__(self, site: Process, username: str = "") -> None:
        self.site = site
        self.username = username
        self.cookie = ""
        if username:
            answer = ask(site.port, "GET", f"/sign-in/{username}")
            assert answer.status == 200, answer
            self.cookie = "; ".join(value.partition(";")[0] for value in answer.all("Set-Cookie"))

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.site.port}"

    def get(self, path: str, **headers: str) -> Answer:
        """Send a GET."""
        return self.send("GET", path, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; `X_Name=` stands for X-Name. What changes something comes from a page of the site."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if method not in ("GET", "HEAD", "OPTIONS"):
            named.setdefault("Sec-Fetch-Site", "same-origin")
        return ask(self.site.port, method, path, body, self.headers | named)

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie} if self.cookie else {}

    def begin(self, path: str, *, receive_bytes: int | None = None) -> socket.socket:
        """Send a GET and return its connection, with nothing read."""
        connection = socket.socket()
        if receive_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(PATIENCE_SECONDS)
        connection.connect((HOST, self.site.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nCookie: {self.cookie}\r\n\r\n".encode())
        return connection

    def raw(self, text: str | bytes) -> bytes:
        """Send bytes, and return all that comes back before the server closes or has nothing more to say."""
        with socket.create_connection((HOST, self.site.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(text.encode() if isinstance(text, str) else text)
            answer = b""
            while part := connection.recv(65536):
                answer += part
            return answer


class Site(Process):
    """The site in proxy mode with its UI."""

    def __init__(self, directory: Path, upstream: Process, parser: str = "httptools") -> None:
        self.upstream = upstream
        upstream_url = f"http://{HOST}:{upstream.port}"
        services: dict[str, dict[str, Any]] = {
            "ui": {
                "upstream": upstream_url, "websocket": True, "cookies": ["ui_session"],
                "user_header": "X-WEBAUTH-USER", "email_header": "X-WEBAUTH-EMAIL", "role_header": "X-WEBAUTH-ROLE",
                "roles": [("auth.add_user", "Admin")], "default_role": "Viewer", "max_body_bytes": 4 * 2**20,
            },
            "stripped": {"upstream": upstream_url, "keep_prefix": False, "websocket": True},
            "large": {"upstream": upstream_url, "max_body_bytes": 4 * 2**30},
            "small": {"upstream": upstream_url, "websocket": True, "max_body_bytes": 1000},
            "hasty": {"upstream": upstream_url, "timeout_seconds": 0.5, "websocket": True},
            "calm": {"upstream": upstream_url, "timeout_seconds": 2, "websocket": True},
            "locked": {"upstream": upstream_url, "credentials_file": str(directory / "credentials")},
            "down": {"upstream": f"http://{HOST}:{held_port()}", "websocket": True},
        }  # fmt: skip
        (directory / "credentials").write_text("ops:let-me-in")
        super().__init__(
            [sys.executable, "-m", "tests.integration.proxy_site", "{fd}", parser],
            directory,
            DJANGO_SETTINGS_MODULE="tests.integration.proxy_site.settings",
            SITE_DIRECTORY=str(directory),
            SITE_SERVICES=json.dumps(services),
        )

    def sign_in(self, kind: str) -> Browser:
        """Sign in somebody new: "root" is a superuser, "ada" may open all UIs, others none."""
        return Browser(self, f"{kind}-{uuid.uuid4().hex[:8]}")

    def told(self) -> dict[str, int]:
        """What happened at the UI."""
        answer: dict[str, int] = ask(self.upstream.port, "GET", "/told").json
        return answer

    def until_told(self, what: str, number: int) -> None:
        """Wait until something has happened at the UI so many times."""
        wait_until(
            lambda: self.told().get(what, 0) >= number, f"{what} {number} times: {self.told()}", PATIENCE_SECONDS
        )

    def metric(self, name: str, **labels: str) -> float:
        """Return a sample of the site's metrics; 0 when it is not there."""
        text = ask(self.port, "GET", "/metrics", headers={"Authorization": "Bearer let-me-scrape"}).body.decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return 0.0

    def facts(self) -> dict[str, int]:
        """What the site's process holds."""
        answer: dict[str, int] = ask(self.port, "GET", "/facts").json
        return answer

    def lines(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the lines of its log that are wanted."""
        found = []
        for text in whole_lines(self.log.read_text()):
            if text.startswith("{"):
                line = json.loads(text)
                if wanted(line):
                    found.append(line)
        return found

    def loggers_of(self, request_id: str) -> list[str]:
        """Wait for the line of a request, and return who logged within it, in their order."""

        def loggers() -> list[str]:
            return [
                line["log.logger"]
                for line in self.lines(lambda line: line.get("http", {}).get("request", {}).get("id") == request_id)
            ]

        wait_until(lambda: "django_ops.request" in loggers(), f"the line of {request_id}", PATIENCE_SECONDS)
        return loggers()


@contextmanager
def running(directory: Path, parser: str = "httptools") -> Iterator[Site]:
    """Run the site and its UI."""
    upstream = Process([sys.executable, "-m", "tests.integration.proxy_site.upstream", "{fd}"], directory)
    site = Site(directory, upstream, parser)
    with upstream.running("/told"), site.running("/livez"):
        yield site
