"""Proxy mode: bodies are streams both ways, in constant memory, and end when their client, UI or user does."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from tests.integration.proxy_site.processes import CACHE_SECONDS, Browser, Site, ask
from tests.integration.services import HOST, wait_until

MIB = 2**20

#: What a stream may cost at once: buffers of two connections, in our process and in aiohttp's.
MOST_GROWTH_KIB = 24 * 1024

PART = b"0123456789abcdef" * 4096


@pytest.fixture(scope="module")
def root(proxy_site: Site) -> Browser:
    return proxy_site.sign_in("root")


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """Read until something has come."""
    received = b""
    while wanted not in received:
        part = connection.recv(65536)
        assert part, f"it ended without {wanted!r}: {received!r}"
        received += part
    return received


def read_to_end(connection: socket.socket) -> bytes:
    """Read until the other side ends."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def reset(connection: socket.socket) -> None:
    """Close a connection as a client does that has crashed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def upload_head(browser: Browser, service: str, length: int) -> bytes:
    """Return the head of an upload, from a page of the site."""
    return (
        f"POST /ops/{service}/upload HTTP/1.1\r\nHost: {HOST}\r\nCookie: {browser.cookie}\r\n"
        f"Sec-Fetch-Site: same-origin\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def parts(total_bytes: int) -> Iterator[bytes]:
    for _ in range(total_bytes // len(PART)):
        yield PART


# Downloads ----------------------------------------------------------------------------------------------------------


def test_events_come_one_by_one_and_may_be_rare__accept_7(root):
    # longer than the UI may take to answer: an event stream may be silent
    with root.begin("/ops/calm/events?seconds=4") as connection:
        assert b"data: 1" not in read_until(connection, b"data: 0")
        read_until(connection, b"data: 1")


@pytest.mark.parametrize("length", ["", "&length"])
def test_a_large_body_comes_whole(root, length):
    answer = root.get(f"/ops/ui/stream?bytes={20 * MIB}{length}")
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(PART * (20 * MIB // len(PART))).digest()
    assert answer.all("Content-Length") == ([str(20 * MIB)] if length else [])


def download(root: Browser, total_bytes: int) -> int:
    """Read a stream to its end, and return how many bytes came."""
    connection = http.client.HTTPConnection(HOST, root.site.port, timeout=60)
    connection.request("GET", f"/ops/ui/stream?bytes={total_bytes}", headers=root.headers)
    response = connection.getresponse()
    received = 0
    while part := response.read(MIB):
        received += len(part)
    connection.close()
    return received


@pytest.mark.slow
def test_more_than_a_gibibyte_in_constant_memory__accept_7(proxy_site, root):
    download(root, 16 * MIB)
    proxy_site.forget_peak()
    before = proxy_site.resident_kib
    assert download(root, 1100 * MIB) == 1100 * MIB
    assert proxy_site.peak_kib - before < MOST_GROWTH_KIB


def test_a_client_that_does_not_read_stops_the_ui__accept_7(proxy_site, root):
    download(root, 16 * MIB)
    proxy_site.forget_peak()
    before = proxy_site.resident_kib
    broken_off = proxy_site.told().get("stream broken off", 0)
    with root.begin(f"/ops/ui/stream?bytes={512 * MIB}", receive_bytes=65536) as connection:
        read_until(connection, b"0123456789abcdef")
        time.sleep(1)  # as long as the UI would need to send it all
        assert proxy_site.peak_kib - before < MOST_GROWTH_KIB
        reset(connection)
    proxy_site.until_told("stream broken off", broken_off + 1)


def test_a_ui_that_breaks_off__is_seen_to(root):
    with root.begin("/ops/ui/broken?length=1") as connection:
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")
    assert b"content-length: 1000" in head.lower()
    assert b"half".startswith(body)  # what came last may be lost with the connection


def test_a_ui_that_breaks_off__without_a_length(root):
    with root.begin("/ops/ui/broken") as connection:
        received = read_to_end(connection)
    assert b"transfer-encoding: chunked" in received.lower()
    assert not received.endswith(b"0\r\n\r\n")  # no end of a chunked body


def test_a_ui_that_falls_silent_in_a_body__accept_10(proxy_site, root):
    labels = {"service": "hasty", "error": "timeout"}
    before = proxy_site.metric("ops_gate_upstream_errors_total", **labels)
    with root.begin("/ops/hasty/stall") as connection:
        assert not read_to_end(connection).endswith(b"0\r\n\r\n")
    assert proxy_site.metric("ops_gate_upstream_errors_total", **labels) == before + 1


@pytest.mark.parametrize(
    ("path", "begun", "ended"),
    [
        ("/ops/ui/slow?seconds=60", "slow began", "slow cancelled"),
        ("/ops/ui/events", "events began", "events broken off"),
    ],
)
def test_a_client_that_goes_ends_the_uis_work(proxy_site, root, path, begun, ended):
    begun_before, ended_before = (proxy_site.told().get(name, 0) for name in (begun, ended))
    connection = root.begin(path)
    proxy_site.until_told(begun, begun_before + 1)
    reset(connection)
    proxy_site.until_told(ended, ended_before + 1)


def test_nothing_is_left_of_clients_that_went(proxy_site, root):
    root.get("/ops/ui/echo")
    before = proxy_site.facts()
    for _ in range(20):
        connection = root.begin("/ops/ui/events")
        read_until(connection, b"data: 0")
        reset(connection)
    wait_until(
        lambda: (
            proxy_site.facts()["tasks"] <= before["tasks"]
            and proxy_site.facts()["descriptors"] <= before["descriptors"] + 2
        ),
        "tasks and connections are as before",
    )


# Uploads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [True, False])
def test_an_upload_comes_whole(root, chunked):
    body = PART * 32
    headers = {"Content-Length": str(len(body))} if not chunked else {}
    answer = ask(
        root.site.port, "POST", "/ops/ui/upload", iter([body[:100_000], body[100_000:]]),
        root.headers | headers | {"Sec-Fetch-Site": "same-origin"}, encode_chunked=chunked,
    )  # fmt: skip
    assert answer.status == 200, answer
    assert (answer.json["bytes"], answer.json["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_an_upload_comes_as_it_is_sent__accept_7(proxy_site, root):
    parts_before = proxy_site.told().get("upload parts", 0)
    with socket.create_connection((HOST, proxy_site.port), timeout=60) as connection:
        connection.sendall(upload_head(root, "ui", 10) + b"01234")
        proxy_site.until_told("upload parts", parts_before + 1)
        connection.sendall(b"56789")
        assert b'"bytes": 10' in read_until(connection, b"sha256")


@pytest.mark.slow
def test_an_upload_of_a_gibibyte_in_constant_memory__accept_7(proxy_site, root):
    same = root.headers | {"Sec-Fetch-Site": "same-origin"}
    ask(proxy_site.port, "POST", "/ops/large/upload", parts(16 * MIB), same, encode_chunked=True)
    proxy_site.forget_peak()
    before = proxy_site.resident_kib
    answer = ask(proxy_site.port, "POST", "/ops/large/upload", parts(1100 * MIB), same, encode_chunked=True)
    assert answer.json["bytes"] == 1100 * MIB
    assert proxy_site.peak_kib - before < MOST_GROWTH_KIB


def test_an_upload_that_is_announced_too_large_is_refused_at_once__accept_7(proxy_site, root):
    before = proxy_site.told()["requests"]
    received = root.raw(upload_head(root, "small", 1001))
    assert received.startswith(b"HTTP/1.1 413 ")
    assert proxy_site.told()["requests"] == before + 1


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413), (MIB, 413)])
@pytest.mark.parametrize("chunked", [True, False])
def test_an_upload_has_a_limit__accept_7(root, size, status, chunked):
    body = b"x" * size
    headers = root.headers | {"Sec-Fetch-Site": "same-origin"}
    try:
        if chunked:
            answer = ask(root.site.port, "POST", "/ops/small/upload", iter([body]), headers, encode_chunked=True)
        else:
            answer = ask(root.site.port, "POST", "/ops/small/upload", body, headers)
    except (BrokenPipeError, ConnectionResetError):
        assert size == MIB  # the answer was sent, and the connection closed, while the client still sent
    else:
        assert answer.status == status


def test_a_refused_upload_is_not_read(proxy_site, root):
    before = proxy_site.resident_kib
    eve = proxy_site.sign_in("eve")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        answer = ask(proxy_site.port, "POST", "/ops/large/upload", parts(64 * MIB), eve.headers, encode_chunked=True)
        assert answer.status == 403
    assert proxy_site.resident_kib - before < MOST_GROWTH_KIB


def test_a_client_that_goes_in_an_upload_breaks_it_off(proxy_site, root):
    before = proxy_site.told().get("upload broken off", 0)
    parts_before = proxy_site.told().get("upload parts", 0)
    connection = socket.create_connection((HOST, proxy_site.port), timeout=60)
    connection.sendall(upload_head(root, "ui", 1000) + b"begun")
    proxy_site.until_told("upload parts", parts_before + 1)
    reset(connection)
    proxy_site.until_told("upload broken off", before + 1)


@pytest.mark.parametrize("begun", [b"", b"ab"])
def test_a_slow_client_is_not_a_slow_ui(root, begun):
    with socket.create_connection((HOST, root.site.port), timeout=60) as connection:
        connection.sendall(upload_head(root, "calm", 4) + begun)
        time.sleep(4)  # twice as long as the UI may be silent
        connection.sendall(b"abcd"[len(begun) :])
        assert b'"bytes": 4' in read_until(connection, b"sha256")


def test_a_connection_is_used_again_after_an_upload(root):
    connection = http.client.HTTPConnection(HOST, root.site.port, timeout=60)
    for _ in range(3):
        connection.request("POST", "/ops/ui/upload", b"x" * 1000, root.headers | {"Sec-Fetch-Site": "same-origin"})
        response = connection.getresponse()
        assert (response.status, b'"bytes": 1000' in response.read()) == (200, True)
    connection.close()


# Revocation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sign-out", "deactivate", "take-permissions"])
def test_a_stream_ends_when_its_user_may_not_have_it(proxy_site, how):
    ada = proxy_site.sign_in("ada")
    with ada.begin("/ops/ui/events") as connection:
        read_until(connection, b"data: 0")
        path = "/sign-out" if how == "sign-out" else f"/{how}/{ada.username}"
        ada.get(path)
        read_until_end_of_chunks(connection)  # the UI itself never ends it


def read_until_end_of_chunks(connection: socket.socket) -> None:
    """Raises AssertionError when that does not come, or takes ten times as long as it may."""
    received, deadline = b"", time.monotonic() + 10 * CACHE_SECONDS
    while not received.endswith(b"\r\n0\r\n\r\n"):
        assert time.monotonic() < deadline, "the stream goes on"
        part = connection.recv(65536)
        assert part
        received = received[-16:] + part


def test_a_stream_stays_while_its_user_may_have_it(proxy_site):
    ada = proxy_site.sign_in("ada")
    with ada.begin("/ops/ui/events?seconds=0.1") as connection:
        read_until(connection, f"data: {int(CACHE_SECONDS * 25)}\n".encode())
