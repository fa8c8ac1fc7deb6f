"""`/metrics` and `/livez` of a worker, on OPS_CELERY_METRICS_ADDRESS, from a thread of its own process."""

from __future__ import annotations

import functools
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from django_ops.conf import conf
from django_ops.guard.access import may_read_operations
from django_ops.health.endpoints import livez
from django_ops.metrics import exposition
from django_ops.metrics.endpoint import refuse

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
#: A client that says nothing for so long is cut off.
_TIMEOUT_SECONDS = 10.0

_server: Server | None = None

#: Held while metrics are read and while a process is forked: the child would inherit, locked for ever, whatever
#: lock the thread holds at that moment.
_reading = threading.Lock()


class Handler(WSGIRequestHandler):
    """One connection. Its requests are not logged."""

    timeout = _TIMEOUT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Write nothing."""


class Server(ThreadingMixIn, WSGIServer):
    """Answers each connection in a thread."""

    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        """Bind without asking the DNS who we are, as WSGIServer would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note that a client broke off."""
        logger.debug("a scrape from %s failed", client_address, exc_info=True)


def start() -> None:
    """Serve on OPS_CELERY_METRICS_ADDRESS, if there is one and nobody serves yet. Raises nothing.

    A worker that cannot listen there says so and goes on: its tasks matter more than its metrics.
    """
    global _server
    address = conf.OPS_CELERY_METRICS_ADDRESS
    if not address or _server is not None:
        return
    try:
        _server = listen(address)
    except (OSError, OverflowError, ValueError) as error:
        logger.error(
            "OPS_CELERY_METRICS_ADDRESS names %s, where this worker cannot serve its metrics: %s."
            " Is it taken by another worker?",
            address, error,
        )  # fmt: skip
        return
    _prepare_forks()
    threading.Thread(
        target=_server.serve_forever, args=(_POLL_SECONDS,), name="django-ops-metrics", daemon=True
    ).start()
    logger.info("metrics are served on %s", address)


def stop() -> None:
    """End serving, and free the port."""
    global _server
    server, _server = _server, None
    if server is not None:
        server.shutdown()
        server.server_close()


def listen(address: str) -> Server:
    """Return a server that listens on `host:port`. Raises OSError where that is taken, ValueError where it is none."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host:  # which would be all of them
        raise ValueError("it has no host")
    kind = type("Server", (Server,), {"address_family": socket.AF_INET6 if ":" in host else socket.AF_INET})
    server: Server = kind((host, int(port)), Handler)
    server.set_app(application)
    return server


@functools.cache  # what is registered twice is called twice
def _prepare_forks() -> None:
    os.register_at_fork(before=_reading.acquire, after_in_parent=_reading.release, after_in_child=_after_fork_in_child)


def _after_fork_in_child() -> None:
    global _server
    _reading.release()
    server, _server = _server, None
    if server is not None:  # the child must not keep the port from the next worker
        server.socket.close()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request, as WSGI has it."""
    response = answer(WSGIRequest(environ))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.content]


def answer(request: HttpRequest) -> HttpResponse:
    """Answer as OpsMiddleware does, to whom the same rules let in.

    Without the migrations: the parent of a pool must open no database connection that its children inherit.
    """
    if request.path_info == conf.OPS_LIVEZ_PATH:
        return livez(request)
    if request.path_info != (conf.OPS_METRICS_PATH or "/metrics"):
        return HttpResponse("Not found\n", status=404, content_type="text/plain; charset=utf-8")
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if not may_read_operations(request):
        return refuse()
    with _reading:
        body, headers = exposition.expose(
            request.META.get("HTTP_ACCEPT", ""),
            request.META.get("HTTP_ACCEPT_ENCODING", ""),
            request.GET.getlist("name[]"),
        )
    return HttpResponse(body, headers=headers)
