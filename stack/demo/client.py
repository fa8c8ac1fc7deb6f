"""A small HTTP client for the demo traffic: one visitor of the site on 127.0.0.1, with cookies."""

from __future__ import annotations

import http.client
import re
import socket
import struct
import time
from http.cookies import SimpleCookie
from typing import NamedTuple
from urllib.parse import urlencode

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 15.0
_FORM_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Answer(NamedTuple):
    """What came back."""

    status: str  # "200", or what happened instead of an answer
    seconds: float
    body: str


class Visitor:
    """Sends requests to the site, and remembers its cookies. One thread each."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> Answer:
        """Send one request and read its answer to the end, which may never come."""
        headers = {"User-Agent": "demo-traffic", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["X-CSRFToken"] = self.cookies.get("csrftoken", "")
        started_at = time.monotonic()
        connection = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            self._remember(response)
            text = response.read().decode("utf-8", "replace")
            return Answer(str(response.status), time.monotonic() - started_at, text)
        except http.client.IncompleteRead:
            return Answer("cut short", time.monotonic() - started_at, "")
        except (OSError, http.client.HTTPException) as error:
            return Answer(type(error).__name__, time.monotonic() - started_at, "")
        finally:
            connection.close()

    def abort(self, path: str) -> Answer:
        """Ask for `path`, read the beginning of the answer, and go away."""
        started_at = time.monotonic()
        try:
            with socket.create_connection((HOST, self.port), TIMEOUT_SECONDS) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\n\r\n".encode())
                connection.recv(1024)
                # reset instead of a polite goodbye, as when a phone loses its network
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError as error:
            return Answer(type(error).__name__, time.monotonic() - started_at, "")
        return Answer("left", time.monotonic() - started_at, "")

    def sign_in(self, username: str, password: str) -> Answer:
        """Send the sign-in form as a browser does: with the token of the page that it is on."""
        page = self.send("GET", "/account/login/")
        token = _FORM_TOKEN.search(page.body)
        form = {"username": username, "password": password, "next": "/servers/"}
        if token is not None:
            form["csrfmiddlewaretoken"] = token[1]
        return self.send("POST", "/account/login/", form)

    def _remember(self, response: http.client.HTTPResponse) -> None:
        for header in response.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
