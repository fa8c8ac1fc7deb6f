"""Elasticsearch and Kibana by HTTP, with nothing but Python's own library."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 30.0


class SetupError(Exception):
    """What could not be set up; the message says what to do."""


class Answer(NamedTuple):
    """What a server answered: its status, and the JSON that came with it."""

    status: int
    body: Any

    def __str__(self) -> str:
        return f"{self.status} {json.dumps(self.body)[:500]}"


class Server:
    """A server at `url`, asked as `user`. No message has the password in it."""

    def __init__(self, url: str, user: str, password: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SetupError(f"{url!r} is no address such as http://elasticsearch:9200")
        self.url = url
        self._user = user
        self._password = password
        self._connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._place = (parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))

    def as_user(self, user: str, password: str) -> Server:
        """Return the same server, asked as somebody else."""
        return Server(self.url, user, password)

    def ask(self, method: str, path: str, body: object = None, content: tuple[str, bytes] | None = None) -> Answer:
        """Send a request, with `body` as JSON or with `content`, a type and bytes. Raises OSError without an answer."""
        headers = {
            "Authorization": "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode(),
            "kbn-xsrf": "setup",  # Kibana's API asks for it, whatever it says
        }
        data = None
        if content is not None:
            headers["Content-Type"], data = content
        elif body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        connection = self._connection(*self._place, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            raw = response.read()
        except http.client.HTTPException as error:
            raise OSError(f"{self.url}: {error!r}") from error
        finally:
            connection.close()
        try:
            return Answer(response.status, json.loads(raw) if raw else None)
        except ValueError:
            return Answer(response.status, raw.decode("utf-8", "replace"))

    def must(self, method: str, path: str, body: object = None, content: tuple[str, bytes] | None = None) -> Any:
        """As `ask`, and return the JSON. Raises SetupError for another status than 200 or 201."""
        answer = self.ask(method, path, body, content)
        if answer.status not in (200, 201):
            raise SetupError(f"{self.url} refused {method} {path}: {answer}")
        return answer.body

    def wait(self, path: str, ready: Callable[[Answer], bool], deadline_seconds: float) -> None:
        """Ask until the answer is what is waited for. Raises SetupError at the deadline, with the last answer."""
        end = time.monotonic() + deadline_seconds
        while True:
            try:
                answer = self.ask("GET", path)
                if ready(answer):
                    return
                last = str(answer)
            except OSError as error:
                last = str(error)
            if time.monotonic() > end:
                raise SetupError(f"{self.url}{path} was not ready within {deadline_seconds:.0f} s; last: {last}")
            time.sleep(1)
