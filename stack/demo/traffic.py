"""What `make demo-traffic` does: a realistic mixture of requests, for some seconds, and a table of what was sent.

Needs nothing but Python's standard library, and talks to 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

from stack.demo.client import HOST, Answer, Visitor

CLIENTS = 4
#: Mean pause of a client between two requests: together about ten requests a second.
PAUSE_SECONDS = 0.3
VISITOR = "visitor"

Act = Callable[[Visitor], Answer]


def get(*paths: str) -> Act:
    """Return what asks for one of `paths`."""
    return lambda visitor: visitor.send("GET", random.choice(paths))


def recompute(visitor: Visitor) -> Answer:
    """Have the report computed anew: a task."""
    return visitor.send("POST", "/report/recompute/", {})


def wrong_password(visitor: Visitor) -> Answer:
    """Try to sign in, as those do who guess."""
    return Visitor(visitor.port).sign_in(VISITOR, "not the password")


#: kind -> how often it is chosen, and what it does
MIXTURE: dict[str, tuple[int, Act]] = {
    "page": (40, get("/", "/servers/", "/servers/?page=2", "/servers/?status=active&sort=-memory_gib", "/report/")),
    "search": (12, get("/servers/?q=web", "/servers/?q=ams1+db", "/servers/?tag=critical&q=secret+words")),
    "server": (12, get("/servers/ams1-p-web-01/", "/servers/fra1-p-db-02/", "/servers/vie1-d-build-01/")),
    "JSON": (10, get("/servers.json", "/servers.json?environment=staging")),
    "CSV, streamed": (4, get("/servers.csv")),
    "redirect": (6, get("/demo/redirect/", "/servers", "/admin/", "/report")),
    "no such page": (6, get("/wp-login.php", "/.env", "/phpmyadmin/", "/servers/x/y/z")),
    "no such server": (3, get("/servers/no-such-server/")),
    "refused": (4, get("/demo/status/403/", "/demo/status/422/", "/demo/status/429/")),
    "odd method": (1, lambda visitor: visitor.send("BREW", "/report/")),
    "exception": (3, get("/demo/error/")),
    "slow": (3, get("/demo/slow/?seconds=1.2", "/report/?slow=0.8")),
    "many queries": (2, get("/demo/queries/")),
    "stream": (3, get("/demo/stream/?seconds=1")),
    "broken stream": (1, get("/demo/broken-stream/")),
    "aborted": (3, lambda visitor: visitor.abort("/demo/stream/?seconds=2")),
    "task, POST": (4, recompute),
    "wrong password": (1, wrong_password),
    "health": (3, get("/livez", "/readyz")),
}


class Traffic:
    """The requests of all clients together, bounded in number and time."""

    def __init__(self, port: int, seconds: float, count: int) -> None:
        self.port = port
        self.deadline = time.monotonic() + seconds
        self.left = count
        self.first = list(MIXTURE)  # each kind once, so that even a short run has all of them
        self.answers: defaultdict[str, list[Answer]] = defaultdict(list)
        self._lock = threading.Lock()

    def run(self, password: str) -> None:
        """Send the traffic with CLIENTS clients; return when the last one has its last answer."""
        threads = [threading.Thread(target=self._visit, args=[password], daemon=True) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """Send nothing more."""
        self.left = 0

    def _visit(self, password: str) -> None:
        visitor = Visitor(self.port)
        if password:
            self._note("sign in", visitor.sign_in(VISITOR, password))
        while (kind := self._next()) is not None:
            self._note(kind, MIXTURE[kind][1](visitor))
            time.sleep(min(random.expovariate(1 / PAUSE_SECONDS), 2.0))

    def _next(self) -> str | None:
        with self._lock:
            if self.left <= 0 or time.monotonic() > self.deadline:
                return None
            self.left -= 1
            if self.first:
                return self.first.pop()
        return random.choices(list(MIXTURE), [weight for weight, _act in MIXTURE.values()])[0]

    def _note(self, kind: str, answer: Answer) -> None:
        with self._lock:
            self.answers[kind].append(answer)


def table(answers: dict[str, list[Answer]]) -> str:
    """Return one line for each kind of request: how many, what came back, how long it took."""
    lines = [f"  {'request':<16}{'sent':>6}{'median':>11}{'slowest':>11}   answers"]
    for kind in ["sign in", *MIXTURE]:
        if found := answers.get(kind):
            milliseconds = [answer.seconds * 1000 for answer in found]
            statuses = Counter(answer.status for answer in found).most_common()
            lines.append(
                f"  {kind:<16}{len(found):>6}{median(milliseconds):>8.0f} ms{max(milliseconds):>8.0f} ms   "
                + ", ".join(f"{status} x{number}" for status, number in statuses)
            )
    lines.append(f"  {'together':<16}{sum(map(len, answers.values())):>6}")
    return "\n".join(lines)


def where_to_look(port: int, var: Path) -> str:
    """Return how to find all that in the log and in the metrics."""
    return f"""
In the log, one JSON line for each of them ({var}/log/):
  the last one            cat {var}/log/*.jsonl | tail -n 1 | python3 -m json.tool
  the failed ones         grep -h '"outcome":"failure"' {var}/log/*.jsonl
  who left half-way       grep -h '"status_code":499' {var}/log/*.jsonl
In the metrics, as Prometheus reads them:
  curl -s -H "Authorization: Bearer $(cat {var}/metrics-token)" http://{HOST}:{port}/metrics | grep responses_total
"""


def main() -> int:
    """Send the traffic; return the exit status."""
    parser = argparse.ArgumentParser(prog="make demo-traffic", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--seconds", type=float, default=30.0, help="for how long requests are sent")
    parser.add_argument("--count", type=int, default=1000, help="how many requests are sent at most")
    options = parser.parse_args()
    if Visitor(options.port).send("GET", "/demo/").status != "200":
        print(
            f"There is no demo on http://{HOST}:{options.port}/demo/. Start it in another terminal with `make run`,"
            " and give the same PORT to both."
        )
        return 1
    var = Path(os.environ.get("DJANGO_VAR_DIR") or "var")
    try:
        password = (var / "visitor-password").read_text(encoding="ascii").strip()
    except OSError:
        password = ""
        print(f"{var}/visitor-password cannot be read: the traffic goes without signing in.")
    print(f"Sending up to {options.count} requests within {options.seconds:g} seconds ...", flush=True)
    traffic = Traffic(options.port, options.seconds, options.count)
    try:
        traffic.run(password)
    except KeyboardInterrupt:
        traffic.stop()
    print(table(traffic.answers))
    print(where_to_look(options.port, var))
    return 0


if __name__ == "__main__":
    sys.exit(main())
