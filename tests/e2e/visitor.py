"""Visits the site through nginx, as a browser would."""

from __future__ import annotations

import http.client
import itertools
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.e2e.commands import wait_for

#: Longer than nginx holds a request for an application that is being replaced.
TIMEOUT_SECONDS = 45
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back; `status` is 0 when nothing did, and `error` says why. Times are this machine's, in seconds."""

    status: int
    headers: dict[str, str]
    body: str
    error: str
    began_at: float
    ended_at: float

    @property
    def request_id(self) -> str:
        """The id under which the request is found in the logs; empty when there was no answer."""
        return self.headers.get("x-request-id", "")


@dataclass
class Visitor:
    """A client with cookies; with a new connection for each request, or one that it keeps for as long as it can."""

    port: int
    cookies: SimpleCookie = field(default_factory=SimpleCookie)
    keeps: bool = False
    _kept: http.client.HTTPConnection | None = None

    def request(
        self, path: str, method: str = "GET", form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request and return what came back; does not raise and follows no redirect."""
        sent = {"Connection": "keep-alive" if self.keeps else "close", "User-Agent": "e2e", **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        body = None
        if form is not None:
            body, sent["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        connection = self._kept or http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        self._kept = None
        began_at = time.time()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            for name, value in response.getheaders():
                if name.lower() == "set-cookie":
                    self.cookies.load(value)
            answered = {name.lower(): value for name, value in response.getheaders()}
            if self.keeps and not response.will_close:
                self._kept = connection
            return Answer(response.status, answered, text, "", began_at, time.time())
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, {}, "", f"{type(error).__name__}: {error}", began_at, time.time())
        finally:
            if self._kept is None:
                connection.close()

    def close(self) -> None:
        """Close the connection that is kept, if any."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def post(self, path: str, form: dict[str, str], page: str | None = None) -> Answer:
        """Fill the form of `page` (by default the one it is sent to) and send it. Raises AssertionError."""
        shown = self.request(page or path)
        token = _TOKEN.search(shown.body)
        assert token, f"no form at {page or path}: {shown.status} {shown.error} {shown.body[:200]}"
        return self.request(path, "POST", {**form, "csrfmiddlewaretoken": token[1]})

    def sign_in(self, password: str, username: str = "admin") -> Visitor:
        """Sign in to the admin, as soon as nginx has a turn for this machine. Raises AssertionError."""
        form = {"username": username, "password": password}
        answers: list[Answer] = []

        def answered() -> bool:
            answers.append(self.post("/admin/login/?next=/admin/", form))
            return answers[-1].status != 429

        wait_for("a turn to sign in", answered, 30, every_seconds=2)
        answer = answers[-1]
        assert answer.status == 302, f"{username} cannot sign in: {answer.status} {answer.error}"
        return self

    def add_tag(self, name: str) -> Answer:
        """Add a row to the database: acknowledged when the status is 302. `post` takes the token of the cookie."""
        token = self.cookies["csrftoken"].value
        return self.request(
            "/admin/inventory/tag/add/", "POST", {"name": name, "_save": "Save", "csrfmiddlewaretoken": token}
        )


class Load:
    """Light traffic in the background: reads all the time, and writes by a visitor who has signed in.

    Reads by one client with new connections and by one that keeps its connection; writes by both in turn. Each sends a
    request after the other with a pause, so never more than three at a time.
    """

    def __init__(self, port: int, writer: Visitor | None = None, pause_seconds: float = 0.1) -> None:
        self.reads: list[Answer] = []
        self.writes: list[tuple[str, Answer]] = []
        self._pause_seconds = pause_seconds
        self._ended = threading.Event()
        self._prefix = f"e2e-{secrets.token_hex(4)}"
        readers = [Visitor(port), Visitor(port, keeps=True)]
        self._threads = [threading.Thread(target=self._read, args=(reader,), daemon=True) for reader in readers]
        if writer is not None:
            writers = [Visitor(port, writer.cookies), Visitor(port, writer.cookies, keeps=True)]
            self._threads.append(threading.Thread(target=self._write, args=(writers,), daemon=True))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        wait_for("the first answers", lambda: len(self.reads) >= 3, 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_SECONDS)

    def _read(self, visitor: Visitor) -> None:
        while not self._ended.is_set():
            self.reads.append(visitor.request("/servers.json"))
            self._ended.wait(self._pause_seconds)
        visitor.close()

    def _write(self, visitors: list[Visitor]) -> None:
        for number in itertools.count(1):
            name = f"{self._prefix}-{number}"
            self.writes.append((name, visitors[number % len(visitors)].add_tag(name)))
            if self._ended.wait(self._pause_seconds * 3):
                break
        for visitor in visitors:
            visitor.close()

    @property
    def acknowledged(self) -> list[tuple[str, Answer]]:
        """The writes of which the site said that they are done."""
        return [(name, answer) for name, answer in self.writes if answer.status == 302]

    @property
    def answers(self) -> list[Answer]:
        """All answers, of reads and writes."""
        return [*self.reads, *(answer for _, answer in self.writes)]

    @property
    def failures(self) -> list[Answer]:
        """Answers that a visitor would call a failure: none at all, or a status of 5xx."""
        return [answer for answer in self.answers if answer.status == 0 or answer.status >= 500]

    def served_after(self, moment: float) -> bool:
        """Tell whether a read that began after `moment` succeeded."""
        return any(answer.began_at > moment and answer.status == 200 for answer in self.reads)


def summary(answers: list[Answer]) -> str:
    """Say how many answers there were, of which kind, and how long the slowest took."""
    kinds: dict[str, int] = {}
    for answer in answers:
        kind = str(answer.status) if answer.status else answer.error.partition(":")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    slowest = max((answer.ended_at - answer.began_at for answer in answers), default=0.0)
    listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))
    return f"{len(answers)} requests: {listed}; the slowest took {slowest:.1f} s"
