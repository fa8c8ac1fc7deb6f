"""Real PostgreSQL, Redis and memcached for the tests, each on a port of its own, and gone afterwards."""

from __future__ import annotations

import atexit
import glob
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.programs import MissingProgramError as MissingProgramError
from tests.programs import require

HOST = "127.0.0.1"

START_SECONDS = 60.0
STOP_SECONDS = 60.0


class PostgreSQL(NamedTuple):
    """Where a PostgreSQL listens. It trusts everybody on the loopback interface; the password is ignored."""

    host: str
    port: int
    user: str
    password: str
    database: str


class Redis(NamedTuple):
    """Where a Redis listens, without a password, keeping nothing on disk."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as brokers and caches take it, of database 0."""
        return f"redis://{self.host}:{self.port}/0"


class Memcached(NamedTuple):
    """Where a memcached listens."""

    host: str
    port: int


#: What holds the ports of `held_port`.
_holders: list[socket.socket] = []


def held_port() -> int:
    """Return a TCP port that the kernel gives to nobody else for as long as this process lives.

    A socket holds it that is bound and never listens, so that connections are refused until a server of the test
    listens there, and after that server has ended. Servers that set SO_REUSEADDR, as all that we run do, may bind it
    nevertheless.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((HOST, 0))
    _holders.append(holder)
    port: int = holder.getsockname()[1]
    return port


@atexit.register
def _let_go() -> None:
    for holder in _holders:
        holder.close()


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Wait until `is_so` returns true. Raises TimeoutError, which says what was waited for."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} seconds in vain: {what}")
        time.sleep(0.02)


@contextmanager
def running(
    command: list[str],
    directory: Path,
    answers: Callable[[], bool],
    *,
    account: pwd.struct_passwd | None = None,
    environment: Mapping[str, str] | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in `directory` from the moment it answers.

    Raises RuntimeError when it ends before, TimeoutError when it never answers, both with its output.
    """
    output = directory / "output.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            **_as_account(account),
        )  # fmt: skip
    try:
        try:
            wait_until(lambda: process.poll() is not None or answers(), f"{command[0]} answers")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{output.read_text(errors='replace')}") from None
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended at once:\n{output.read_text(errors='replace')}")
        yield process
    finally:
        stop(process, stop_signal)


def stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """End a process that we started: by its signal, then by force."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def start_postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL with an empty database. Raises MissingProgramError."""
    programs = _postgresql_programs()
    account = _unprivileged_account("postgres")
    server = PostgreSQL(HOST, held_port(), "ops", "not-needed", "ops")
    with _directory(account) as directory:
        data = directory / "data"
        subprocess.run(
            [programs / "initdb", "--pgdata", data, "--username", server.user, "--encoding", "UTF8", "--locale", "C",
             "--auth-host", "trust", "--auth-local", "reject", "--no-sync"],
            cwd=directory, check=True, capture_output=True, **_as_account(account),
        )  # fmt: skip
        settings = {
            "listen_addresses": HOST,
            "port": server.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(programs / "postgres"), "-D", str(data), *options]
        ready = [programs / "pg_isready", "--quiet", "--host", HOST, "--port", str(server.port)]
        # SIGINT: "fast shutdown", which does not wait for clients to go
        with running(
            command, directory, lambda: subprocess.call(ready) == 0, account=account, stop_signal=signal.SIGINT
        ):
            subprocess.run(
                [programs / "createdb", "--host", HOST, "--port", str(server.port), "--username", server.user,
                 server.database],
                check=True, capture_output=True,
            )  # fmt: skip
            yield server


@contextmanager
def start_redis() -> Iterator[Redis]:
    """Run a Redis. Raises MissingProgramError."""
    program = require("redis-server", "Redis")
    server = Redis(HOST, held_port())
    with _directory() as directory:
        command = [program, "--port", str(server.port), "--bind", HOST, "--save", "", "--appendonly", "no"]
        with running(command, directory, lambda: _reply(server.port, b"PING\r\n") == b"+PONG\r\n"):
            yield server


@contextmanager
def start_memcached() -> Iterator[Memcached]:
    """Run a memcached. Raises MissingProgramError."""
    program = require("memcached")
    server = Memcached(HOST, held_port())
    with _directory() as directory:
        command = [program, "-l", HOST, "-p", str(server.port), "-U", "0", "-m", "16"]
        if os.geteuid() == 0:
            command += ["-u", "nobody"]
        with running(command, directory, lambda: _reply(server.port, b"version\r\n").startswith(b"VERSION")):
            yield server


def _postgresql_programs() -> Path:
    """Return the directory of the newest PostgreSQL's programs, which Debian leaves out of PATH."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    if found:
        newest = max(found, key=lambda path: int(Path(path).parts[-3]))
        return Path(newest).parent
    return Path(require("postgres", "PostgreSQL", "postgresql")).resolve().parent


def _unprivileged_account(preferred: str) -> pwd.struct_passwd | None:
    """Return whom to become: PostgreSQL refuses to run as root. None where we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(preferred)
    except KeyError:
        return pwd.getpwnam("nobody")


def _as_account(account: pwd.struct_passwd | None) -> dict[str, object]:
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@contextmanager
def _directory(owner: pwd.struct_passwd | None = None) -> Iterator[Path]:
    """Make a directory that `owner` may use, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="ops-test-", ignore_cleanup_errors=True) as name:
        if owner is not None:
            os.chown(name, owner.pw_uid, owner.pw_gid)
        yield Path(name)


def _reply(port: int, question: bytes) -> bytes:
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as connection:
            connection.sendall(question)
            return connection.recv(256)
    except OSError:
        return b""
