"""Real gunicorns and clients for the drain tests."""

from __future__ import annotations

import http.client
import os
import select
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.integration.services import HOST, held_port, stop, wait_until

ROOT = Path(__file__).parents[2]

OURS = ("--config", "python:django_ops.gunicorn")
#: For tests of connections that are kept: gunicorn's own 2 seconds pass while a busy machine does something else.
KEPT = (*OURS, "--keep-alive", "60")


class Gunicorn:
    """One gunicorn of two workers on a port of its own, that can be started, told and stopped."""

    def __init__(self, directory: Path, worker_class: str, options: tuple[str, ...] = OURS, **environment: str) -> None:
        self.port = held_port()
        self.directory = directory
        self.pid_file = directory / f"{self.port}.pid"
        self.command = [
            str(Path(sys.executable).with_name("gunicorn")), "tests.integration.drain_app:site()", *options,
            "--workers", "2", "--worker-class", worker_class, "--threads", "4", "--bind", f"{HOST}:{self.port}",
            "--no-control-socket", "--pid", str(self.pid_file), "--graceful-timeout", "10",
        ]  # fmt: skip
        if worker_class == "sync":
            threads = self.command.index("--threads")
            del self.command[threads : threads + 2]
        self.environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.integration.drain_app", **environment}
        self.environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        output = (self.directory / f"{self.port}.log").open("ab")
        with output:
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.environment, stdout=output, stderr=output)
        try:
            wait_until(lambda: self.process.poll() is not None or self.is_ready(), "the server is ready")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log:\n{self.log}") from None
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended at once:\n{self.log}")

    def is_ready(self) -> bool:
        """Ask /readyz, with the address as host, over a connection of its own."""
        return self.probe() == 200

    def probe(self, path: str = "/readyz") -> int:
        """Return the status of a probe, 0 when nobody answers."""
        try:
            return request(self.port, "GET", path, timeout=5.0)
        except OSError:
            return 0

    def answering_pid(self) -> int:
        """Return the process id of the worker that answers."""
        asked = urllib.request.Request(f"http://{HOST}:{self.port}/work", headers={"Host": "only.this.example"})
        with urllib.request.urlopen(asked, timeout=60) as response:
            return int(response.read())

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the master, as its pid file names it."""
        os.kill(int(self.pid_file.read_text()), number)

    def restart(self) -> None:
        """Stop it as an operator does, and start it again."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.start()

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.directory / f"{self.port}.log").read_text(errors="replace")


class Uvicorn(Gunicorn):
    """One uvicorn, which can be started and stopped the same way."""

    def __init__(self, directory: Path, workers: str, **environment: str) -> None:
        super().__init__(directory, "sync", **environment)
        self.command = [
            sys.executable, "-m", "uvicorn", "--factory", "tests.integration.drain_app:asynchronous_site",
            "--host", HOST, "--port", str(self.port), "--workers", workers, "--lifespan", "off",
            "--timeout-keep-alive", "60",
        ]  # fmt: skip


def request(port: int, method: str, path: str, timeout: float = 60.0, host: str = "only.this.example") -> int:
    """Send one request over a new connection, and return the status of the whole answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        response.read()
        return response.status
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()


@contextmanager
def gunicorns(*servers: Gunicorn) -> Iterator[None]:
    """Run the servers, and end what is left of them."""
    try:
        for server in servers:
            server.start()
        yield
    finally:
        for server in servers:
            if hasattr(server, "process"):
                stop(server.process, signal.SIGINT)  # at once: nothing is measured any more
            _end_leftover(server)


def _end_leftover(server: Gunicorn) -> None:
    """End the master that an upgrade has left behind; it renames its pid file only when it has been promoted."""
    for pid_file in (server.pid_file, server.pid_file.with_name(f"{server.pid_file.name}.2")):
        try:
            pid = int(pid_file.read_text())
            os.kill(pid, signal.SIGQUIT)
        except (FileNotFoundError, ProcessLookupError):
            continue
        wait_until(lambda pid=pid: has_ended(pid), f"the master {pid} ends")


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or a zombie that nobody reaps, as in a container without an init."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Balancer:
    """A balancer that follows readiness: it probes each server, and sends requests where it was told 200."""

    def __init__(self, *servers: Gunicorn, period_seconds: float = 0.1) -> None:
        self.ready: dict[Gunicorn, bool] = dict.fromkeys(servers, True)
        self.seen: dict[Gunicorn, list[int]] = {server: [] for server in servers}
        self.period_seconds = period_seconds
        self._turn = count()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(server,)) for server in servers]

    def __enter__(self) -> Balancer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, server: Gunicorn) -> None:
        while not self._ended.wait(self.period_seconds):
            status = server.probe()
            self.ready[server] = status == 200
            seen = self.seen[server]
            if not seen or seen[-1] != status:
                seen.append(status)

    def port(self) -> int:
        """Return the port of the next server that is ready; wait for one."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            ready = [server for server, is_ready in self.ready.items() if is_ready]
            if ready:
                return ready[next(self._turn) % len(ready)].port
            time.sleep(0.01)
        raise TimeoutError("no server is ready")


class Clients:
    """A handful of clients that send requests, one after the other, until they are told to end; each is counted."""

    def __init__(self, send: Callable[[str], int], number: int = 6) -> None:
        self.send = send
        self.succeeded = 0
        self.failed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(number)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.end()
        for thread in self._threads:
            thread.join()

    def end(self) -> None:
        """Send nothing more once the requests under way have been answered."""
        self._ended.set()

    def _run(self, index: int) -> None:
        method = "POST" if index % 2 else "GET"
        while True:  # one request at least, however soon the end comes
            try:
                status = self.send(method)
                problem = "" if status == 200 else f"{method} {status}"
            except OSError as error:
                problem = f"{method} {error!r}"
            with self._lock:
                if problem:
                    self.failed[problem] += 1
                else:
                    self.succeeded += 1
            if self._ended.is_set():
                return

    def send_more(self, number: int) -> None:
        """Wait until so many further requests have succeeded."""
        wanted = self.succeeded + number
        wait_until(lambda: self.succeeded >= wanted, f"{number} requests succeed; failures: {dict(self.failed)}")


class KeptOpen:
    """Sends requests over connections that stay open, one per thread and server, as a balancer does."""

    def __init__(self, balancer: Balancer) -> None:
        self.balancer = balancer
        self.reused = 0
        self._idle: dict[tuple[int, int], http.client.HTTPConnection] = {}

    def __enter__(self) -> KeptOpen:
        return self

    def __exit__(self, *details: object) -> None:
        for connection in self._idle.values():
            connection.close()

    def __call__(self, method: str) -> int:
        """Send one request; what the server says of the connection is obeyed."""
        port = self.balancer.port()
        key = (threading.get_ident(), port)
        connection = self._idle.pop(key, None)
        if connection is not None and _is_closed_by_peer(connection):
            connection.close()
            connection = None
        self.reused += connection is not None
        connection = connection or http.client.HTTPConnection(HOST, port, timeout=60)
        try:
            connection.request(method, "/work", headers={"Host": "only.this.example"})
            response = connection.getresponse()
            response.read()
        except http.client.HTTPException as error:
            connection.close()
            raise ConnectionError(repr(error)) from error
        except OSError:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle[key] = connection
        return response.status


def _is_closed_by_peer(connection: http.client.HTTPConnection) -> bool:
    """Tell whether an idle connection can be read from: nothing but its end can come."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])
