"""The fake Grafana of tests/images refuses what must not be started, and lets in nobody whom Grafana would not."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.integration.services import held_port

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]
SOURCE = "provisioning/datasources/prometheus.yml"
ADMINISTRATOR = "grafana!administrator"
PASSWORD = "correct horse battery"
SECRETS = {
    "admin-password": PASSWORD,
    "secret-key": "k" * 40,
    "prometheus-password": "p",
    "elasticsearch-password": "e",
}


class Place:
    """A copy of grafana/ and its secrets, to change and to start."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("etc", "secrets", "data"):
            (directory / name).mkdir()
        for name, value in SECRETS.items():
            (directory / "secrets" / name).write_text(f"{value}\n", encoding="utf-8")
        for path in (ROOT / "grafana").rglob("*"):
            if path.suffix in {".yml", ".ini", ".json"} and path.name != "schema.json":
                copy = directory / "etc" / path.relative_to(ROOT / "grafana")
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(self._moved(path.read_text(encoding="utf-8")), encoding="utf-8")
        self.port = held_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "tests/images/grafana"),
            "FAKE_SCHEMA": str(self._schema()),
            "FAKE_PORT": str(self.port),
            "GF_PATHS_CONFIG": str(directory / "etc/grafana.ini"),
            "GF_PATHS_DATA": str(directory / "data"),
            "GF_PATHS_PROVISIONING": str(directory / "etc/provisioning"),
            "GF_SECURITY_ADMIN_PASSWORD__FILE": str(directory / "secrets/admin-password"),
        }

    def _moved(self, text: str) -> str:
        return text.replace("/run/secrets/grafana", str(self.directory / "secrets")).replace(
            "path: /etc/grafana", f"path: {self.directory / 'etc'}"
        )

    def _schema(self) -> Path:
        """The schema as it is, but for the place of the secrets."""
        path = self.directory / "schema.json"
        text = (ROOT / "grafana/schema.json").read_text(encoding="utf-8")
        path.write_text(text.replace("/run/secrets/grafana/", f"{self.directory}/secrets/"), encoding="utf-8")
        return path

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.directory / "etc" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "fake"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def _secret(name: str, value: str | None) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        path = place.directory / "secrets" / name
        path.unlink() if value is None else path.write_text(value, encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda place: place.environment.pop("GF_SECURITY_ADMIN_PASSWORD__FILE"), "GF_SECURITY_ADMIN_PASSWORD__FILE"),
        (_secret("admin-password", ""), "GF_SECURITY_ADMIN_PASSWORD__FILE"),
        (_secret("admin-password", "admin"), "which everybody knows"),
        (_secret("admin-password", None), "No such file"),
        (_secret("prometheus-password", None), "No such file"),
        (_secret("elasticsearch-password", ""), "is empty"),
        (lambda place: place.environment.update(GF_AUTH_ANONYMOUS_ENABELD="true"), "GF_AUTH_ANONYMOUS_ENABELD"),
        (lambda place: place.replace("grafana.ini", "allow_sign_up", "allow_signup"), "[users] allow_signup"),
        (
            lambda place: place.replace(SOURCE, "basicAuthUser", "basicAuthName"),
            "basicAuthName",
        ),
        (lambda place: place.replace(SOURCE, "uid: prom", "uid: x"), "no data source"),
        (lambda place: place.replace("dashboards/overview.json", '"title"', '"titel"'), "overview.json"),
        (lambda place: place.replace("dashboards/overview.json", "{", "[{"), "cannot be read"),
        (lambda place: shutil.rmtree(place.directory / "etc/dashboards"), "no directory"),
        (lambda place: shutil.rmtree(place.directory / "data"), "cannot be used"),
    ],
    ids=["no password", "empty", "default", "no file", "no secret", "empty secret", "variable", "ini key", "source key",
         "no source", "no title", "no JSON", "no dashboards", "no data"],
)  # fmt: skip
def test_fake__refuses_what_is_malformed(place: Place, change: Callable[[Place], Any], says: str) -> None:
    change(place)
    out, errors = place.start().communicate(timeout=20)
    assert says in errors
    assert len(errors.splitlines()) == 1
    assert PASSWORD not in out + errors


class Upstream(BaseHTTPRequestHandler):
    """Stands for Prometheus: tells what it was asked."""

    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append({"path": self.path, "as": self.headers["Authorization"], **parse_qs(body)})
        answer = {"data": {"result": [{"metric": {"job": "a"}, "values": [[1000.0, "1"], [1015.0, "NaN"]]}]}}
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture
def asked(place: Place) -> Iterator[list[dict[str, Any]]]:
    Upstream.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    place.replace(SOURCE, "prometheus:9090", f"127.0.0.1:{server.server_port}")
    yield Upstream.asked
    server.shutdown()
    server.server_close()


Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(place: Place, asked: list[dict[str, Any]]) -> Iterator[Ask]:
    process = place.start()

    def request(path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body is not None else None
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        question = urllib.request.Request(f"http://127.0.0.1:{place.port}{path}", data, names)
        try:
            with urllib.request.urlopen(question, timeout=10) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    try:
        _wait(request)
        yield request
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait(request: Ask) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            request("/api/health")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def test_fake__says_that_it_is_one(ask: Ask) -> None:
    assert ask("/api/health")[1]["commit"] == "fake"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": basic("admin", "admin")}, {"Authorization": "Basic x"}, {"X_WEBAUTH_USER": "admin"},
     {"Cookie": "grafana_session=0"}],
    ids=["nobody", "default", "broken", "proxy that is not ours", "session"],
)  # fmt: skip
def test_fake__lets_in_nobody_else(ask: Ask, headers: dict[str, str]) -> None:
    assert ask("/api/datasources", **headers)[0] == 401


def test_fake__lets_in_the_administrator(ask: Ask) -> None:
    assert ask("/api/user", Authorization=basic(ADMINISTRATOR, PASSWORD))[1]["login"] == ADMINISTRATOR


def test_fake__keeps_the_password_of_the_first_start(place: Place, ask: Ask) -> None:
    _secret("admin-password", "another one entirely")(place)
    assert ask("/api/user", Authorization=basic(ADMINISTRATOR, PASSWORD))[0] == 200


def test_fake__believes_the_proxy_where_it_is_enabled(place: Place, request: pytest.FixtureRequest) -> None:
    place.environment |= {
        "GF_AUTH_PROXY_ENABLED": "true",
        "GF_AUTH_PROXY_HEADERS": "Role:X-WEBAUTH-ROLE",
        "GF_AUTH_PROXY_WHITELIST": "127.0.0.1",
    }
    ask: Ask = request.getfixturevalue("ask")
    status, user = ask("/api/user", X_WEBAUTH_USER="ann", X_WEBAUTH_ROLE="Editor")
    assert (status, user["login"], user["orgRole"]) == (200, "ann", "Editor")


@pytest.mark.parametrize("named", [ADMINISTRATOR.upper(), f"Ann <{ADMINISTRATOR}@INVALID>"], ids=["login", "email"])
def test_fake__finds_the_administrator_as_grafana_does(
    place: Place, request: pytest.FixtureRequest, named: str
) -> None:
    """By e-mail address or login, in any case: whoever the proxy names so is the administrator of the server."""
    place.environment |= {"GF_AUTH_PROXY_WHITELIST": "127.0.0.1"}
    ask: Ask = request.getfixturevalue("ask")
    _, user = ask("/api/user", X_WEBAUTH_USER=named, X_WEBAUTH_ROLE="Viewer")
    assert (user["login"], user["orgRole"], user["isGrafanaAdmin"]) == (ADMINISTRATOR, "Viewer", True)


def test_fake__runs_a_query_as_its_data_source(ask: Ask, asked: list[dict[str, Any]]) -> None:
    query = {"refId": "A", "datasource": {"uid": "prometheus"}, "expr": "rate(x[$__rate_interval])", "range": True}
    body = {"queries": [query], "from": "now-5m", "to": "now"}
    status, answer = ask("/api/ds/query", body, Authorization=basic(ADMINISTRATOR, PASSWORD))
    assert status == 200
    assert answer["results"]["A"]["frames"][0]["data"]["values"] == [[1_000_000, 1_015_000], [1.0, None]]
    assert (asked[0]["as"], asked[0]["query"]) == (basic("prometheus", "p"), ["rate(x[60s])"])


def test_fake__has_the_dashboard(ask: Ask) -> None:
    answer = ask("/api/dashboards/uid/django-ops-overview", Authorization=basic(ADMINISTRATOR, PASSWORD))[1]
    assert (answer["meta"]["folderTitle"], answer["dashboard"]["title"]) == ("django-ops", "django-ops: overview")
