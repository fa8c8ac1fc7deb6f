"""What one client can do to the others, and to those who read nginx's logs: each test repeats an attack."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.contract.nginxes import SOURCE, Edge, Names, application, make_www, readable_directory, start_nginx
from tests.integration.services import HOST, held_port, wait_until

pytestmark = pytest.mark.one_python

OTHER = "127.0.0.2"
#: The end of a request: what must not be told is called "secret".
HOSTILE = b"?a=secret HTTP/1.1\r\nHost: secret.example\r\nCookie: a=secret\x1b[2J\r\nReferer: /\x1b[31m\x9bsecret\r\n"


@pytest.fixture
def home() -> Iterator[Path]:
    with readable_directory() as directory:
        make_www(directory)
        (directory / "www" / "sign-in").write_text("/admin/login/\n/account/login/\n")
        yield directory


@pytest.fixture
def edge(home: Path) -> Iterator[Edge]:
    with application() as server, start_nginx(home, Names(HOST), server.server_address[1]) as running:
        running.application = server.RequestHandlerClass
        yield running


@pytest.fixture(scope="module")
def trusting_edge() -> Iterator[Edge]:
    """It believes this machine about the addresses of clients."""
    with readable_directory() as directory, start_nginx(directory, Names(HOST), 1, TRUSTED_PROXIES=HOST) as running:
        yield running


def statuses(connections: list[socket.socket], seconds: float = 2.0) -> list[int]:
    """Return the status of each answer that has come within so many seconds of silence; 0 where there is none."""
    found = []
    for connection in connections:
        connection.settimeout(seconds)
        try:
            found.append(int((connection.recv(4096) + b"HTTP/1.1 000").split()[1]))
        except TimeoutError:
            found.append(0)
        seconds = min(seconds, 0.2)
    return found


def answered(connections: list[socket.socket]) -> list[socket.socket]:
    return select.select(connections, [], [], 0)[0]


def connect(stack: ExitStack, edge: Edge, by: str, request: bytes) -> socket.socket:
    """Send the beginning of a request by an address, and keep the connection."""
    connection = socket.create_connection((HOST, edge.port), timeout=60, source_address=(by, 0))
    stack.enter_context(connection)
    connection.sendall(request)
    return connection


# the error log -------------------------------------------------------------------------------------------------------


def test_error_log__has_nothing_that_clients_sent(edge):
    body = b"Content-Length: 65536\r\nConnection: close\r\n\r\n" + b"x" * 65536
    assert edge.send(b"POST /gone" + HOSTILE + body).startswith(b"HTTP/1.1 503 ")
    with ExitStack() as stack:
        connect(stack, edge, HOST, b"POST /large" + HOSTILE + b"Content-Length: 11534336\r\n\r\n")
    edge.send(b"GET /assets/secret%0a%1b[31m" + HOSTILE + b"Connection: close\r\n\r\n")
    said = [b"upstream prematurely closed connection", b"client intended to send too large body: 11534336 bytes"]
    wait_until(lambda: all(one in edge.errors.read_bytes() for one in said), f"{said} in {edge.errors}")
    told = edge.errors.read_bytes()
    assert re.fullmatch(rb"[\n -~]*", told)
    assert b"secret" not in told
    assert [line for line in told.splitlines() if not line.endswith(b", client: 127.0.0.1")] == []


#: Debian's and Alpine's, as far as they are here.
AWKS = [command for command in (("mawk", "-W", "interactive"), ("busybox", "awk")) if shutil.which(command[0])]
HEAD = "2026/12/01 10:00:00 [error] 7#7: "
#: What nginx says, and what is passed on.
LINES = {
    HEAD + '*1 open() "/x/secret" failed (2: No such file), client: ::1, server: , request: "GET /secret"':
        HEAD + '*1 open() "..." failed (2: No such file), client: ::1',
    HEAD + '*1 open() "/x/a"secret" is forbidden, client: 10.0.0.1, server: s, request: "G", client: secret':
        HEAD + '*1 open() "..." is forbidden, client: 10.0.0.1',
    HEAD + '*1 open() "/x/a, client: secret" is forbidden, client: 10.0.0.1, request: "G"':
        HEAD + '*1 open() "...", client: ',
    HEAD + '*1 open() "/secret/longer than nginx keeps': HEAD + '*1 open() "..."',
    'behind a line feed, and "secret': 'behind a line feed, and "..."',
    HEAD + '*1 pwrite() "/var/tmp/bodies/0000000007" failed (28: No space left on device), client: 10.0.0.1, server: ':
        HEAD + '*1 pwrite() "/var/tmp/bodies/0000000007" failed (28: No space left on device), client: 10.0.0.1',
    'nginx: [emerg] cannot load certificate "/run/secrets/tls/certificate.pem"':
        'nginx: [emerg] cannot load certificate "/run/secrets/tls/certificate.pem"',
    HEAD + "worker process 8 exited \x1b[31m\xff": HEAD + "worker process 8 exited ?[31m?",
}  # fmt: skip


@pytest.mark.parametrize("awk", AWKS, ids=[command[0] for command in AWKS])
def test_error_log__is_filtered_line_by_line(awk):
    given = "".join(f"{line}\n" for line in LINES).encode("latin-1")
    command = ["env", "LC_ALL=C", *awk, "-f", SOURCE / "errors.awk"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(given)
        process.stdin.flush()  # and not closed: lines must come while there may be more
        told = [process.stdout.readline().decode("ascii")[:-1] for _ in LINES]
        process.stdin.close()
    assert told == list(LINES.values())


def test_error_log__survives_its_filter(edge):
    def filters() -> list[int]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                reads = (process / "fd" / "0").readlink() == edge.run / "errors"
                if reads and b"errors.awk" in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return found

    [first] = filters()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: first not in filters(), "it has ended: until then, it may take a line with it")
    edge.ask("/gone", "POST", b"x")
    wait_until(lambda: b"prematurely closed" in edge.errors.read_bytes(), "another filter passes on what nginx says")


def test_killed_master__ends_the_container(edge):
    """Its workers would go on, without anybody who sees to them."""
    master = int((edge.run / "nginx.pid").read_text())
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    os.kill(master, signal.SIGKILL)
    try:
        assert edge.entrypoint.wait(20) == 128 + signal.SIGKILL
    finally:
        for worker in workers:
            os.kill(int(worker), signal.SIGKILL)


def test_last_words__are_told_before_the_end(home):
    (home / "tls").mkdir()
    for name in ("certificate.pem", "key.pem"):
        (home / "tls" / name).write_text("nothing")
    said = r"ended at once:\n.*cannot load certificate"
    with pytest.raises(RuntimeError, match=said), start_nginx(home, Names(HOST), 1):
        pass


# uploads -------------------------------------------------------------------------------------------------------------


def upload(size: int, sent: int, method: bytes = b"POST") -> bytes:
    head = b"%s /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (method, size)
    return head + b"x" * sent


def test_slow_uploads__of_one_address_leave_room_for_others(edge):
    chunked = b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n" + b"x" * 0x100000
    with ExitStack() as stack:
        for_ever = [chunked, *[upload(10_000_000, 1_000_000)] * 6]
        slow = [connect(stack, edge, HOST, request) for request in for_ever]
        assert sorted(statuses(slow)) == [0, 0, *[429] * 5]
        assert statuses([connect(stack, edge, OTHER, upload(20_000, 1, b"GET"))]) == [413]
        refused = edge.ask("/upload", "POST", b"x" * 2_000_000)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
        assert edge.ask("/form", "POST", b"x" * 64_000).status == 200
        assert edge.ask("/upload", "POST", b"x" * 2_000_000, by=OTHER).status == 200
        middling = [connect(stack, edge, OTHER, upload(999_999, 1000)) for _ in range(20)]
        assert sorted(statuses(middling)) == [*[0] * 16, *[429] * 4]
        assert edge.ask("/form", "POST", b"x" * 9_999, by=OTHER).status == 200


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::"), [0, 0, 429]),
        (("2001:db8::1", "2001:db8::2:0:0:3", "2001:db8::9"), [0, 0, 429]),
        (("2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"), [0, 0, 0]),
        (("::ffff:10.0.0.1", "::ffff:10.0.0.2", "10.0.0.3"), [0, 0, 0]),
    ],
)
def test_client__is_64_bits_of_an_ipv6_address(trusting_edge, addresses, expected):
    head = "POST /upload HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {}\r\nContent-Length: 2000000\r\n\r\nx"
    with ExitStack() as stack:
        slow = [connect(stack, trusting_edge, HOST, head.format(address).encode()) for address in addresses]
        assert sorted(statuses(slow, 0.5)) == expected


def test_requests__of_one_client_are_bounded(home):
    """Here they wait for an application; slow readers of long answers are as many."""
    with start_nginx(home, Names(HOST), held_port()) as edge, ExitStack() as stack:
        ask = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        waiting = [connect(stack, edge, HOST, ask) for _ in range(270)]
        wait_until(lambda: len(answered(waiting)) == 14, "14 are refused")
        assert set(statuses(answered(waiting))) == {429}
        assert statuses([connect(stack, edge, OTHER, ask)], 0.2) == [0]
        assert edge.ask("/assets/plain.txt").status == 200
        guess = b"POST /admin/login/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        at_work = [connect(stack, edge, OTHER, guess) for _ in range(5)]
        wait_until(lambda: len(answered(at_work)) == 1, "the fifth sign-in is refused while four are not answered")
        assert statuses(answered(at_work)) == [429]


# sign-ins ------------------------------------------------------------------------------------------------------------


def test_guesses__are_slowed_down_by_address_and_together(edge):
    guess = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
    spellings = (b"/admin/login/", b"/account/login/", b"/admin//login/?next=/", b"/%61dmin/login/")
    started = time.monotonic()
    with ExitStack() as stack:
        guesses = [connect(stack, edge, HOST, guess % spellings[number % 4]) for number in range(60)]
        assert sum(status == 429 for status in statuses(guesses)) == 60 - 21
        # two a second, of many addresses as well
        for number in range(30):
            connect(stack, edge, f"127.0.1.{number}", guess % spellings[0])
        wait_until(lambda: edge.application.served >= 4, "four guesses reach the application")
        assert edge.application.served <= 2 * (time.monotonic() - started) + 1
        refused = edge.ask("/admin/login/", "POST", b"x")
        assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
        # who reads, or sends anything else, waits for nobody
        assert [edge.ask(*asked).status for asked in (("/admin/login/",), ("/form", "POST", b"x"))] == [200, 200]
        assert statuses([connect(stack, edge, OTHER, guess % spellings[0])], 0.5) == [0], "it waits for its turn"


# the access log ------------------------------------------------------------------------------------------------------


def test_flood__cannot_make_the_access_log_larger_than_its_bound(home):
    with (
        application() as server,
        start_nginx(home, Names(HOST), server.server_address[1], LOG_KIBIBYTES="64", LOG_CHECK_SECONDS="1000",
                    MAX_BODY_SIZE="64k") as edge,
    ):  # fmt: skip
        path = "/assets/" + "x" * 4000
        for _ in range(100):
            assert edge.ask(path).status == 404
        assert edge.log.stat().st_size == 64 * 1024
        wait_until(lambda: b"while logging request" in edge.errors.read_bytes(), "nginx says that lines are missing")
