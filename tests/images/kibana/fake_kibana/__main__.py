"""The server: the paths that health checks, set-up and people who try passwords ask for."""

import argparse
import base64
import json
import signal
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .configuration import ConfigurationError, read
from .saved_objects import BadImportError, SavedObjects

HERE = Path(__file__).resolve().parent
HOME = Path("/usr/share/kibana")


def say(text: str) -> None:
    """Write a line for people."""
    sys.stderr.write(f"fake kibana: {text}\n")
    sys.stderr.flush()


class Elasticsearch:
    """The node that knows who people are."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._url = told["hosts"][0].rstrip("/")
        token = base64.b64encode(f"{told['username']}:{told['password']}".encode()).decode()
        self._own = f"Basic {token}"
        self._complained = ""

    def knows(self, authorization: str) -> bool:
        """Say whether these are the credentials of somebody."""
        return self._status(authorization) == 200

    def is_there(self) -> bool:
        """Say whether it answers to Kibana's own user, and complain where it does not."""
        status = self._status(self._own)
        complaint = "" if status == 200 else f"Elasticsearch is not available to kibana_system: {status}"
        if complaint and complaint != self._complained:
            say(complaint)
        self._complained = complaint
        return not complaint

    def _status(self, authorization: str) -> int | str:
        request = urllib.request.Request(
            f"{self._url}/_security/_authenticate", headers={"Authorization": authorization}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError as error:
            return str(error)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server_version = "fake-kibana"
    elasticsearch: Elasticsearch
    saved_objects: SavedObjects

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not self.elasticsearch.is_there():
            self._answer(503, "Kibana server is not ready yet")
        elif parts.path in ("/login", "/robots.txt"):
            self._answer(200, "a fake Kibana, which nobody can use")
        elif not parts.path.startswith("/api/"):
            self._answer(302, "", {"Location": f"/login?next={parts.path}"})
        elif not self._signed_in():
            self._answer(401, {"statusCode": 401, "error": "Unauthorized", "message": "Unauthorized"})
        elif parts.path == "/api/status":
            overall = {"overall": {"level": "available"}}
            self._answer(200, {"name": "kibana", "version": {"number": "8.19.21"}, "status": overall, "fake": True})
        elif parts.path == "/api/saved_objects/_find":
            kind = parse_qs(parts.query).get("type", [""])[0]
            found = self.saved_objects.find(kind)
            self._answer(200, {"total": len(found), "saved_objects": found})
        else:
            self._answer(404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.elasticsearch.is_there():
            self._answer(503, "Kibana server is not ready yet")
        elif not self.headers.get("kbn-xsrf"):
            self._answer(400, {"statusCode": 400, "message": "Request must contain a kbn-xsrf header."})
        elif self.path == "/internal/security/login":
            self._log_in(sent)
        elif not self._signed_in():
            self._answer(401, {"statusCode": 401, "error": "Unauthorized", "message": "Unauthorized"})
        elif urlsplit(self.path).path == "/api/saved_objects/_import":
            try:
                count = self.saved_objects.put(sent, self.headers.get("Content-Type", ""))
                self._answer(200, {"success": True, "successCount": count, "errors": []})
            except BadImportError as error:
                self._answer(400, {"statusCode": 400, "message": str(error)})
        else:
            self._answer(404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"})

    def _log_in(self, sent: bytes) -> None:
        try:
            told = json.loads(sent)["params"]
            token = base64.b64encode(f"{told['username']}:{told['password']}".encode()).decode()
        except (KeyError, TypeError, ValueError):
            self._answer(400, {"statusCode": 400, "message": "no username and password"})
            return
        if self.elasticsearch.knows(f"Basic {token}"):
            self._answer(200, {"location": "/"})
        else:
            self._answer(401, {"statusCode": 401, "error": "Unauthorized", "message": "Unauthorized"})

    def _signed_in(self) -> bool:
        authorization = self.headers.get("Authorization", "")
        return authorization.startswith("Basic ") and self.elasticsearch.knows(authorization)

    def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing of requests, as Kibana."""


def main() -> None:
    """Serve until SIGTERM; exits with 1 and what is wrong with the settings."""
    parser = argparse.ArgumentParser(prog="kibana")
    parser.add_argument("-c", "--config", action="append", type=Path, dest="files")
    parser.add_argument("--path.data", default=str(HOME / "data"), type=Path, dest="data")
    options = parser.parse_args()
    try:
        told = read(options.files or [HOME / "config" / "kibana.yml"], HERE / "schema.json", {})
        Handler.saved_objects = SavedObjects(options.data / "saved-objects.json")
    except (ConfigurationError, OSError) as error:
        say(f"FATAL: {error}")
        raise SystemExit(64) from None
    Handler.elasticsearch = Elasticsearch(told["elasticsearch"])
    server = ThreadingHTTPServer((told["server"]["host"], told["server"]["port"]), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    say("THIS IS NO KIBANA, but a fake for tests")
    server.serve_forever()


if __name__ == "__main__":
    main()
