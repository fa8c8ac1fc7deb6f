"""`python -m benchmarks.gate_latency`: what nginx's question to Django adds to a request for a UI.

Needs nginx and the test environment (`make test` makes it). The same UI is asked through two nginx with the gate's
configuration, of which one does not ask, in turn; sessions are in a cache. Exit status 1: the bar is missed.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time

from benchmarks.figures import Summary, added, summarise
from tests.integration.gates import NAME, Gate, site
from tests.integration.services import HOST

#: What the question may add at the median.
BAR_MILLISECONDS = 1.5

CACHED = "django.contrib.sessions.backends.cache"
WITHOUT = {r"auth_request /.*;": ""}


def samples(gate: Gate, count: int) -> list[float]:
    """Ask `count` times over one connection, and return how many milliseconds each answer took."""
    session = gate.sessions["ann"]
    request = f"GET /ops/flower/ HTTP/1.1\r\nHost: {NAME}\r\nCookie: sessionid={session}\r\n\r\n".encode()
    found = []
    with socket.create_connection((HOST, gate.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            started_ns = time.perf_counter_ns()
            connection.sendall(request)
            answer = _answer(connection)
            found.append((time.perf_counter_ns() - started_ns) / 1e6)
            assert answer.startswith(b"HTTP/1.1 200"), answer
    return found


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head


def measure(rounds: int, count: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds with the question and without it."""
    asked: list[float] = []
    unasked: list[float] = []
    with (
        site({"flower": {}}, TEST_SESSION_ENGINE=CACHED) as made,
        made.nginx() as gate,
        made.nginx(WITHOUT) as open_gate,
    ):
        for turn in range(rounds + 1):
            with_question, without = samples(gate, count), samples(open_gate, count)
            if turn:  # the first round opens files and fills caches
                asked += with_question
                unasked += without
    return asked, unasked


def _line(what: str, summary: Summary) -> str:
    return f"{what:8} {summary.median:6.3f} ms (quartiles {summary.low:.3f} to {summary.high:.3f}; n = {summary.count})"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate_latency", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--count", type=int, default=250, help="requests of a round, each way")
    options = parser.parse_args(arguments)
    asked, unasked = measure(options.rounds, options.count)
    more = added(asked, unasked)
    print(_line("asked", summarise(asked)))
    print(_line("unasked", summarise(unasked)))
    verdict = "met" if more <= BAR_MILLISECONDS else "MISSED"
    print(f"{verdict}: the question adds {more:.3f} ms at the median, at most {BAR_MILLISECONDS}")
    return 0 if more <= BAR_MILLISECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
