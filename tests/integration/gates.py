"""A real nginx with the gate's own configuration, a real gunicorn that it asks, and UIs that tell what they got."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path
from typing import Any

from tests.contract.nginxes import Answer, plain_configuration, program, readable_directory
from tests.integration.gate_upstreams import Upstream, upstreams
from tests.integration.services import HOST, held_port, running

ROOT = Path(__file__).parents[2]
NAME = "ops.example.com"
#: How long a client waits for what may never come.
_SILENCE_SECONDS = 0.4
#: And for the beginning of an answer.
_PATIENCE_SECONDS = 5.0


class Gate:
    """An nginx, a gunicorn and UIs that run."""

    def __init__(
        self, directory: Path, upstreams: dict[str, Upstream], environment: Mapping[str, str], sessions: dict[str, str]
    ) -> None:
        self.directory, self.upstreams, self.environment, self.sessions = directory, upstreams, environment, sessions
        self.django_port, self.port = held_port(), 0
        self.log = directory / "django" / "output.log"
        self._parts: dict[tuple[str, ...], str] = {}

    @contextmanager
    def nginx(self, weaker: Mapping[str, str] | None = None, options: Sequence[str] = ()) -> Iterator[Gate]:
        """Run an nginx before the same Django and the same UIs; `options` are those of `ops_gate_nginx server`.

        Each key of `weaker` is a regular expression that must be found in its configuration, and its value what takes
        its place.
        """
        made = copy(self)
        made.port = held_port()
        directory = self.directory / f"nginx-{made.port}"
        directory.mkdir()
        directory.chmod(0o777)  # its workers may be of another user
        for name, text in _configuration(made, directory, weaker or {}, options).items():
            (directory / name).write_text(text)
        command = [program(), "-e", "stderr", "-c", str(directory / "nginx.conf")]
        with running(command, directory, lambda: _livez(made.port)):
            yield made

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, *, by: str = "", **headers: str) -> Answer:
        """Send one request; `by` is who is signed in, underscores in names of headers are dashes."""
        sent = {"Host": NAME, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if by:
            cookies = [f"sessionid={self.sessions[by]}", *([sent["Cookie"]] if "Cookie" in sent else [])]
            sent["Cookie"] = "; ".join(cookies)
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(self, request: bytes) -> bytes:
        """Send bytes as they are, and return all that comes until the connection is closed or silent."""
        answer = b""
        with socket.create_connection((HOST, self.port), timeout=_PATIENCE_SECONDS) as connection:
            try:
                connection.sendall(request)
                while part := connection.recv(65536):
                    answer += part
                    connection.settimeout(_SILENCE_SECONDS)
            except OSError:
                pass
        return answer

    def manage(self, *arguments: str) -> str:
        """Run a command of Django on the site, and return what it printed."""
        return subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=ROOT, env=dict(self.environment), check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def part(self, *arguments: str) -> str:
        """Return what `ops_gate_nginx` prints, which is the same each time."""
        if arguments not in self._parts:
            self._parts[arguments] = self.manage("ops_gate_nginx", *arguments)
        return self._parts[arguments]

    def taken(self) -> dict[str, bytes]:
        """Return what each UI got since the last time; those that got nothing are left out."""
        found = {name: upstream.take() for name, upstream in self.upstreams.items()}
        return {name: data for name, data in found.items() if data}


def _gunicorn(port: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("gunicorn")), "django.core.wsgi:get_wsgi_application()",
        "--worker-class", "gthread", "--threads", "4", "--bind", f"{HOST}:{port}", "--chdir", str(ROOT),
        "--no-control-socket",
    ]  # fmt: skip


def uvicorn(port: int, *options: str) -> list[str]:
    """Return the command of an ASGI server."""
    return [
        sys.executable, "-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application", "--host", HOST,
        "--port", str(port), "--lifespan", "off", *options,
    ]  # fmt: skip


@contextmanager
def site(
    services: Mapping[str, Mapping[str, Any]], *, server: Callable[[int], list[str]] = _gunicorn, **variables: str
) -> Iterator[Gate]:
    """Run the UIs, and a server that knows them and its users; `Gate.nginx` is to follow.

    An entry of `services` without "upstream" gets a UI of its own. The users are told of in `gate_site.people`.
    """
    with ExitStack() as stack:
        directory = stack.enter_context(readable_directory())
        own = stack.enter_context(upstreams(*(name for name, entry in services.items() if "upstream" not in entry)))
        entries = {
            name: {"upstream": own[name].url, **entry} if name in own else entry for name, entry in services.items()
        }
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.integration.gate_site.settings",
            "TEST_DATABASE": str(directory / "db.sqlite3"),
            "TEST_SERVICES": json.dumps(entries),
            **variables,
        }
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        made = Gate(directory, own, environment, _people(environment, tuple(services)))
        stack.enter_context(_running(made, server(made.django_port)))
        yield made


#: The databases of sites, by the names of their services, and the sessions in them: made once, and copied.
_made_people: dict[tuple[str, ...], tuple[bytes, dict[str, str]]] = {}


def _people(environment: Mapping[str, str], services: tuple[str, ...]) -> dict[str, str]:
    """Make the database, and return the sessions of its users by their names."""
    database = Path(environment["TEST_DATABASE"])
    if services in _made_people and "TEST_SESSION_ENGINE" not in environment:
        content, sessions = _made_people[services]
        database.write_bytes(content)
        return sessions
    made = subprocess.run(
        [sys.executable, "-m", "tests.integration.gate_site.people",
         *(f"view_{name.replace('-', '_')}" for name in services if name != "closed")],
        cwd=ROOT, env=dict(environment), check=True, capture_output=True, text=True,
    )  # fmt: skip
    sessions = json.loads(made.stdout)
    if "TEST_SESSION_ENGINE" not in environment:  # another than the database's
        _made_people[services] = database.read_bytes(), sessions
    return sessions


@contextmanager
def _running(made: Gate, command: list[str]) -> Iterator[None]:
    directory = made.directory / "django"
    directory.mkdir()
    with running(command, directory, lambda: _livez(made.django_port), environment=made.environment):
        yield


def _livez(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


_HTTP = """\
    include {directory}/http.conf;
    server {{
        listen {address} default_server;
        include {directory}/server.conf;
        location / {{
            proxy_pass http://{application};
            proxy_set_header Host $ops_gate_host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
"""


def _configuration(made: Gate, directory: Path, weaker: Mapping[str, str], options: Sequence[str]) -> dict[str, str]:
    application = f"{HOST}:{made.django_port}"
    texts = {
        "nginx.conf": plain_configuration(
            directory, _HTTP.format(directory=directory, address=f"{HOST}:{made.port}", application=application)
        ),
        "http.conf": made.part("http"),
        "server.conf": made.part("server", "--application", f"http://{application}", *options),
    }
    for pattern, instead in weaker.items():
        found = 0
        for name, text in texts.items():
            texts[name], count = re.subn(pattern, instead, text)
            found += count
        assert found, f"{pattern} is not in the configuration"
    return texts
