"""One request after another as a server hands them to Django: gunicorn's environ, uvicorn's scope."""

from __future__ import annotations

import asyncio
import sys
from io import BytesIO
from typing import Any

from benchmarks.variants import PROXY

_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
)

#: Different requests come one after the other, so that no cache of the last one flatters.
DIFFERENT = 64


def headers(turn: int) -> dict[str, str]:
    """Return what a browser sends, and what nginx adds."""
    return {
        "Host": "shop.example",
        "X-Forwarded-For": f"198.51.100.{turn % 250 + 1}",
        "X-Forwarded-Proto": "https",
        "User-Agent": _AGENTS[turn % len(_AGENTS)],
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Accept-Language": "en-GB,en;q=0.8,es;q=0.5",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Referer": "https://shop.example/orders/",
        "Cookie": "csrftoken=p3oJ2Wq9hQx8; sessionid=0k2v9c1mz8r7xw4t6yq5",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "same-origin",
    }


def environs(prefix: str) -> list[dict[str, Any]]:
    """Return the environ of each request, as gunicorn makes it, but for `wsgi.input`."""
    return [_environ(prefix, turn) for turn in range(DIFFERENT)]


def _environ(prefix: str, turn: int) -> dict[str, Any]:
    path = f"/{prefix}/orders/{turn + 1}/"
    return {
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.url_scheme": "http",
        "SERVER_SOFTWARE": "gunicorn/27.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": PROXY,
        "REMOTE_PORT": "43512",
        "REQUEST_METHOD": "GET",
        "RAW_URI": f"{path}?page=2",
        "QUERY_STRING": "page=2",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers(turn).items()},
    }


class WsgiDriver:
    """Serves requests with a WSGI application, as a sync worker does."""

    def __init__(self, application, prefix: str) -> None:
        self.application = application
        self.templates = environs(prefix)
        self.status = ""

    def start_response(self, status, response_headers, exc_info=None):
        self.status = status

    def serve(self, count: int) -> int:
        """Serve `count` requests and return the number of bytes of their bodies."""
        application, start_response, templates = self.application, self.start_response, self.templates
        total = 0
        for turn in range(count):
            environ = templates[turn % DIFFERENT].copy()
            environ["wsgi.input"] = BytesIO()
            body = application(environ, start_response)
            for part in body:
                total += len(part)
            body.close()
        return total

    def check(self) -> None:
        """Raise AssertionError unless a request is answered as it should be."""
        assert self.serve(1) > 20, "the body is not the page's"
        assert self.status == "200 OK", self.status


def scopes(prefix: str) -> list[dict[str, Any]]:
    """Return the scope of each request, as uvicorn makes it."""
    return [_scope(prefix, turn) for turn in range(DIFFERENT)]


def _scope(prefix: str, turn: int) -> dict[str, Any]:
    path = f"/{prefix}/orders/{turn + 1}/"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": (PROXY, 43512),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"page=2",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers(turn).items()],
        "state": {},
    }


class Exchange:
    """The server's side of one request: `receive` gives the empty body, then waits for the client to leave."""

    __slots__ = ("_gone", "_sent", "size", "status")

    def __init__(self) -> None:
        self._gone = asyncio.Event()
        self._sent = False
        self.status = 0
        self.size = 0

    async def receive(self) -> dict[str, Any]:
        if self._sent:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        self._sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.size += len(message.get("body", b""))
            if not message.get("more_body"):
                self._gone.set()


class AsgiDriver:
    """Serves requests with an ASGI application: one loop, a task for each, one after the other."""

    def __init__(self, application, prefix: str, runner: asyncio.Runner) -> None:
        self.application = application
        self.templates = scopes(prefix)
        self.runner = runner
        self.status = 0

    def serve(self, count: int) -> int:
        """Serve `count` requests and return the number of bytes of their bodies."""
        return self.runner.run(self._serve(count))

    async def _serve(self, count: int) -> int:
        application, templates = self.application, self.templates
        create_task = asyncio.get_running_loop().create_task
        total = 0
        for turn in range(count):
            exchange = Exchange()
            scope = templates[turn % DIFFERENT].copy()
            scope["headers"] = list(scope["headers"])
            scope["state"] = {}
            await create_task(application(scope, exchange.receive, exchange.send))
            total += exchange.size
            self.status = exchange.status
        return total

    def check(self) -> None:
        """Raise AssertionError unless a request is answered as it should be."""
        assert self.serve(1) > 20, "the body is not the page's"
        assert self.status == 200, self.status
