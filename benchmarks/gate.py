"""What the gate adds to a request through nginx: a real nginx, gunicorn and Redis, with and without the question."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.child import ChildError
from benchmarks.figures import rotate

#: The same UI behind the same nginx: asked for as it is, and after Django was asked.
OPEN, GATED = "nginx alone", "nginx with the gate"
PATHS = {OPEN: "/open/", GATED: "/ops/ui/"}
HOST = "127.0.0.1"
START_SECONDS = 20

_NGINX = """
daemon off; master_process off;
pid {home}/nginx.pid;
error_log stderr error;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
    keepalive_requests 1000000;
    include {home}/http.conf;
    server {{
        listen {host}:{port};
        location /open/ {{
            proxy_http_version 1.1;
            proxy_set_header Connection "close";
            proxy_buffering off;
            proxy_pass http://{host}:{ui};
        }}
        include {home}/server.conf;
    }}
    server {{
        listen {host}:{ui};
        default_type text/plain;
        location / {{ return 200 "the internal page\\n"; }}
    }}
}}
"""


class Missing(Exception):  # noqa: N818 - said, and no failure
    """A program that this part needs is not on this machine."""


def measure(python: Path, scratch: Path, rounds: int, requests: int, say) -> dict[str, list[float]]:
    """Return milliseconds of requests to each path, in turn. Raises Missing, ChildError, AssertionError."""
    nginx, redis_server = _program("nginx"), _program("redis-server")
    home = scratch / "gate"
    home.mkdir()
    with ExitStack() as stack:
        port, ui, django, redis = (_free_port() for _ in range(4))
        store = [redis_server, "--port", str(redis), "--bind", HOST, "--save", ""]
        stack.enter_context(_running(store, home, redis))
        environment = {
            "PATH": os.environ.get("PATH", ""), "BENCH_SCRATCH": str(home), "BENCH_UI": f"http://{HOST}:{ui}",
            "BENCH_REDIS": f"redis://{HOST}:{redis}",
        }  # fmt: skip
        prepared = _prepared(python, home, environment, f"http://{HOST}:{django}")
        serve = [str(python), "-P", "-m", "gunicorn", "--config", "python:django_ops.gunicorn", "benchmarks.gate_site"]
        serve += ["--bind", f"{HOST}:{django}", "--workers", "2", "--threads", "4", "--no-control-socket"]
        stack.enter_context(_running(serve, home, django, environment))
        (home / "nginx.conf").write_text(_NGINX.format(home=home, host=HOST, port=port, ui=ui), encoding="utf-8")
        stack.enter_context(_running([nginx, "-e", "stderr", "-c", str(home / "nginx.conf")], home, port))
        say("gate: nginx, gunicorn and Redis are up")
        return _measured(port, prepared["session"], rounds, requests, say)


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        raise Missing(f"there is no {name} on this machine")
    return path


def _prepared(python: Path, home: Path, environment: dict[str, str], application: str) -> dict[str, str]:
    command = [str(python), "-P", "-m", "benchmarks.gate_site", application]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise ChildError(f"the site of the gate could not be prepared:\n{done.stderr[-4000:]}")
    prepared = json.loads(done.stdout)
    for part in ("http", "server"):
        (home / f"{part}.conf").write_text(prepared[part], encoding="utf-8")
    return prepared


def _measured(port: int, session: str, rounds: int, requests: int, say) -> dict[str, list[float]]:
    samples: dict[str, list[float]] = {name: [] for name in PATHS}
    with socket.create_connection((HOST, port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert b" 401 " in _ask(connection, PATHS[GATED], "")[1], "the gate lets in whom nobody knows"
        for turn in range(rounds + 1):
            for name in rotate(list(PATHS), turn):
                for _ in range(requests):
                    milliseconds, answer = _ask(connection, PATHS[name], session)
                    assert answer.startswith(b"HTTP/1.1 200 "), answer
                    assert answer.endswith(b"the internal page\n"), answer
                    if turn:  # the first round warms everything up
                        samples[name].append(milliseconds)
            if turn % 10 == 0:
                say(f"gate: round {turn} of {rounds}")
    return samples


def _ask(connection: socket.socket, path: str, session: str) -> tuple[float, bytes]:
    """Send a request over a connection that stays open; return how long the answer took, and the answer."""
    question = f"GET {path} HTTP/1.1\r\nHost: bench.example\r\nCookie: sessionid={session}\r\n\r\n".encode()
    begun = time.perf_counter()
    connection.sendall(question)
    answer = b""
    while not _is_whole(answer):
        part = connection.recv(65536)
        assert part, f"nginx closed the connection: {answer!r}"
        answer += part
    return (time.perf_counter() - begun) * 1000, answer


def _is_whole(answer: bytes) -> bool:
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    (length,) = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return len(body) >= int(length)


@contextmanager
def _running(command: list[str], home: Path, port: int, environment: dict[str, str] | None = None) -> Iterator[None]:
    """Run a program until the end of the block, from when it listens on `port`. Raises ChildError."""
    log = home / f"{Path(command[0]).name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ChildError(f"{command[0]} does not listen. It wrote:\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]
