"""What somebody outside does to nginx, and what others notice of it."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from urllib.parse import urlencode
from uuid import uuid4

from tests.e2e.commands import run, wait_for
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: As many as filled what bodies wait in, by ten million bytes each.
SLOW_UPLOADS = 7
GUESSERS = 24
GUESSING_SECONDS = 12
TOKEN = "t" * 32  # of the cookie and of the form, as Django compares them
FORM = {
    "Host": "localhost",
    "Content-Type": "application/x-www-form-urlencoded",
    "Cookie": f"csrftoken={TOKEN}",
}
ESCAPE = "\x1b[31mescape\x9b"


def ask(
    address: tuple[str, int], method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> int:
    """Send one request and return the status of the answer."""
    connection = HTTPConnection(*address, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        return connection.getresponse().status
    finally:
        connection.close()


def p95_of(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def another_way_in(stack: Stack) -> tuple[str, int]:
    """Where nginx takes this machine for another client than who comes by the published port."""
    return stack.container("nginx")["NetworkSettings"]["Networks"][f"{stack.project}_web"]["IPAddress"], 8080


def test_slow_uploads__of_one_client_leave_room_for_others(stack: Stack) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n"
    with ExitStack() as slow:
        for _ in range(SLOW_UPLOADS):
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", stack.port), timeout=10))
            try:
                connection.sendall(head + b"x" * 9_999_999)
            except OSError:
                continue  # it is refused
        used = "df -P /var/tmp | awk 'NR == 2 { print $3 }'"
        wait_for("two uploads to wait", lambda: int(stack.exec("nginx", "sh", "-c", used)) > 19_000, 20)
        # the site refuses it for its lack of a token: it had it
        assert ask(another_way_in(stack), "POST", "/report/recompute/", b"x" * 64_000, {"Host": "localhost"}) == 403
        assert ask(("127.0.0.1", stack.port), "POST", "/", b"x" * 2_000_000) == 429


def test_guesses__of_many_connections_leave_the_site_fast(stack: Stack) -> None:
    ends_at = 0.0
    answers: Counter[int] = Counter()
    lock = threading.Lock()
    never = threading.Event()

    guessers = another_way_in(stack)  # not by the address from which other tests sign in

    def guess() -> None:
        while time.monotonic() < ends_at:
            # each at another account: those that Django guards by itself cost no hash
            form = {"username": uuid4().hex, "password": "guess", "csrfmiddlewaretoken": TOKEN}
            status = ask(guessers, "POST", "/admin/login/", urlencode(form).encode(), FORM)
            with lock:
                answers[status] += 1
            if status == 429:
                never.wait(0.2)  # or this machine's own work would be measured

    visitor, times = Visitor(stack.port), []

    def page() -> float:
        answer = visitor.request("/account/login/")
        assert answer.status == 200
        return answer.ended_at - answer.began_at

    quiet = p95_of([page() for _ in range(20)])
    ends_at = time.monotonic() + GUESSING_SECONDS
    with ThreadPoolExecutor(GUESSERS) as pool:
        for _ in range(GUESSERS):
            pool.submit(guess)
        while time.monotonic() < ends_at:
            times.append(page())
    reached = sum(number for status, number in answers.items() if status != 429)
    p95 = p95_of(times)
    told = f"{reached} of {answers.total()} guesses reached the site; p95 of pages: {quiet:.2f} s, then {p95:.2f} s"
    print(told)  # noqa: T201
    assert answers.keys() == {200, 429}, told
    assert reached <= 21 + GUESSING_SECONDS / 5 + 1, told
    assert p95 < 10 * quiet + 2, told  # it was 6 s, and more


def test_hostile_bytes__reach_no_terminal(stack: Stack) -> None:
    """What a runbook tells people to follow: `docker compose logs`."""
    headers = {"Host": "localhost", "User-Agent": ESCAPE, "Referer": f"/?{ESCAPE}", "Cookie": f"sessionid={ESCAPE}"}
    address = ("127.0.0.1", stack.port)
    for method, body in (("GET", b""), ("POST", b"x" * 64_000), ("POST", b"x" * 1000), ("POST", b"x" * 11_000_000)):
        for path in ("/servers/%1b[31m%9b/?a=%1b[31m", "/account/login/?next=%1b", "/static/%1b[31m%0a", "/ops/%1b/"):
            try:
                ask(address, method, path, body, headers)
            except ConnectionError:
                assert len(body) > 10_000_000
    found = {}
    for service, [container, *_] in stack.containers().items():
        said = run("docker", "logs", container["Id"], check=False)
        if hidden := re.findall(r".{0,80}[^\t\n -~\xa0-\U0010ffff].{0,20}", said.stdout + said.stderr):
            found[service] = hidden[:3]
    assert found == {}
