"""The HTTP side: the few paths that our stack and its tests use."""

from __future__ import annotations

import base64
import json
import sys
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from fake import VERSION, queries
from fake.accounts import COOKIE, Accounts, User
from fake.configuration import Settings
from fake.provisioning import DataSource, Provisioned

_LARGEST_BODY = 1_000_000
_PROXY = "/api/datasources/proxy/uid/"
_SOURCE = "/api/datasources/uid/"
_DASHBOARD = "/api/dashboards/uid/"


class Handler(BaseHTTPRequestHandler):
    """One request. What it needs is set on a subclass, see `handler`."""

    settings: Settings
    accounts: Accounts
    provisioned: Provisioned
    protocol_version = "HTTP/1.1"
    server_version = "fake-grafana"
    sys_version = ""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/api/health":
            self._json(200, {"database": "ok", "version": VERSION, "commit": "fake"})
        elif path == "/login":
            self._send(200, b"<title>Grafana (fake)</title>", "text/html")
        elif path == "/metrics":
            self._metrics()
        elif (user := self._user()) is None:
            self._stranger(path)
        elif path.startswith(_PROXY):
            self._forward("GET", None)
        else:
            self._read(path, user)

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY:
            self._json(413, {"message": "too large"})
            return
        body = self.rfile.read(length)
        if path == "/login":
            self._log_in(body)
        elif self._user() is None:
            self._stranger(path)
        elif path.startswith(_PROXY):
            self._forward("POST", body)
        elif path == "/api/ds/query":
            document = self._parsed(body)
            answer = queries.run(self.provisioned.sources, document) if document else None
            if answer is None:
                self._json(400, {"message": "bad request data"})
            else:
                self._send(answer.status, answer.body)
        else:
            self._json(404, {"message": "Not found"})

    def _user(self) -> User | None:
        return self.accounts.user(self.headers, self.client_address[0])  # type: ignore[arg-type]

    def _stranger(self, path: str) -> None:
        if path.startswith("/api/"):
            self._json(401, {"message": "Unauthorized"})
        else:
            self._send(302, b"", headers={"Location": "/login"})

    def _log_in(self, body: bytes) -> None:
        document = self._parsed(body)
        session = self.accounts.log_in(str(document.get("user", "")), str(document.get("password", "")))
        if session is None:
            self._json(401, {"message": "Invalid username or password"})
        else:
            cookie = f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax"
            self._send(200, b'{"message":"Logged in"}', headers={"Set-Cookie": cookie})

    def _read(self, path: str, user: User) -> None:
        provisioned = self.provisioned
        if path == "/":
            self._send(200, b"<title>Grafana (fake)</title>", "text/html")
        elif path == "/api/user":
            self._json(200, {"login": user.login, "orgRole": user.role, "isGrafanaAdmin": user.is_server_administrator})
        elif path == "/api/datasources":
            self._json(200, [_described(source) for source in provisioned.sources.values()])
        elif path == "/api/search":
            found = [
                {"uid": uid, "title": board["title"], "type": "dash-db", "folderTitle": provisioned.folders[uid]}
                for uid, board in provisioned.dashboards.items()
            ]
            self._json(200, found)
        elif path.startswith(_SOURCE):
            uid, _, rest = path.removeprefix(_SOURCE).partition("/")
            source = provisioned.sources.get(uid)
            if source is not None and rest == "health":
                answer = queries.health(source)
                self._send(answer.status, answer.body)
            else:
                self._found(_described(source) if source is not None and not rest else None)
        elif path.startswith(_DASHBOARD):
            uid = path.removeprefix(_DASHBOARD)
            board = provisioned.dashboards.get(uid)
            self._found(
                board and {"meta": {"provisioned": True, "folderTitle": provisioned.folders[uid]}, "dashboard": board}
            )
        else:
            self._json(404, {"message": "Not found"})

    def _forward(self, method: str, body: bytes | None) -> None:
        uid, _, rest = self.path.removeprefix(_PROXY).partition("/")
        source = self.provisioned.sources.get(uid)
        if source is None:
            self._json(404, {"message": "Unable to find datasource"})
            return
        answer = queries.forward(source, method, rest, body, self.headers.get("Content-Type", ""))
        self._send(answer.status, answer.body, answer.content_type)

    def _metrics(self) -> None:
        user, password = (self.settings.text("metrics", f"basic_auth_{key}") for key in ("username", "password"))
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if user and not compare_digest(self.headers.get("Authorization", "").encode(), wanted.encode()):
            self._send(401, b"", headers={"WWW-Authenticate": "Basic"})
            return
        lines = f'# TYPE grafana_build_info gauge\ngrafana_build_info{{version="{VERSION}"}} 1\n'
        self._send(200, lines.encode(), "text/plain; version=0.0.4; charset=utf-8")

    def _parsed(self, body: bytes) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}

    def _found(self, document: Any) -> None:
        self._json(200, document) if document else self._json(404, {"message": "Not found"})

    def _json(self, status: int, document: Any) -> None:
        self._send(status, json.dumps(document).encode())

    def _send(
        self, status: int, body: bytes, content_type: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Write errors only, without the request's query."""
        if len(args) > 1 and str(args[1]).startswith("5"):
            sys.stdout.write(
                json.dumps({"logger": "fake-grafana", "path": urlsplit(self.path).path, "status": args[1]})
            )
            sys.stdout.write("\n")


def _described(source: DataSource) -> dict[str, Any]:
    return {
        "uid": source.uid,
        "name": source.name,
        "type": source.kind,
        "url": source.url,
        "isDefault": source.default,
        "readOnly": True,
        "basicAuthUser": source.user,
        "jsonData": source.options,
    }


def handler(settings: Settings, accounts: Accounts, provisioned: Provisioned) -> type[Handler]:
    """Return the handler of a server with this configuration."""
    return type(
        "ConfiguredHandler", (Handler,), {"settings": settings, "accounts": accounts, "provisioned": provisioned}
    )
