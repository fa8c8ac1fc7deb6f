"""A scrape target in somebody else's hands, run in a container: what it answers depends on the name it is asked by."""

import gzip
import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORTS = (3000, 8000, 9093, 9100, 9113, 9121, 9187, 9808)
MILLION = 1_000_000
BOMB = gzip.compress(b"#" * 100 * MILLION)
#: Counts scrapes, so that no two have a series in common.
turn = itertools.count()
#: Whether somebody has followed a redirect.
followed = threading.Event()


def claims() -> str:
    """What is in the bounds: numbers of other jobs, an alert, and a sample from the future."""
    in_five_minutes = int((time.time() + 300) * 1000)
    return (
        "redis_up 0\npg_up 0\nnginx_up 0\n"
        'ALERTS{alertname="SiteDown",alertstate="firing",severity="critical"} 1\n'
        f"dated 1 {in_five_minutes}\nfollowed {int(followed.is_set())}\n"
    )


def many(count: int) -> str:
    """New series, each time."""
    number = next(turn)
    return "".join(f'flood{{turn="{number}",number="{index}"}} 1\n' for index in range(count))


ANSWERS = {
    "node-exporter": lambda: many(12_000),
    "postgres-exporter": lambda: f'long{{value="{"x" * MILLION}"}} 1\n',
    "nginx-exporter": lambda: "wide{" + ",".join(f'label_{number}="1"' for number in range(100)) + "} 1\n",
    "grafana": lambda: f'{"x" * MILLION}{{value="1"}} 1\n',
}


class Target(BaseHTTPRequestHandler):
    """Answers each name in its own way."""

    def do_GET(self) -> None:
        name = self.headers["Host"].partition(":")[0]
        if name == "elsewhere":
            followed.set()
        if name == "redis-exporter":
            self.send_response(302)
            self.send_header("Location", "http://elsewhere:8000/")
            self.end_headers()
        elif name == "celery-exporter" or self.server.server_port == 9808:
            self.endless()
        elif name == "alertmanager":
            self.send(BOMB, "gzip")
        else:
            self.send(ANSWERS.get(name, claims)().encode())

    def send(self, content: bytes, encoding: str = "identity") -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        try:
            for number in itertools.count():
                self.wfile.write(f"endless_{number} 1\n".encode() * 10_000)
        except OSError:
            pass  # whoever asked has had enough

    def log_message(self, *arguments: object) -> None:
        """Write nothing."""


if __name__ == "__main__":
    servers = [ThreadingHTTPServer(("", port), Target) for port in PORTS]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
