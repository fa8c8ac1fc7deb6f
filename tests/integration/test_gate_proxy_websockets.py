"""Proxy mode: websockets of the UIs pass both ways as they are, and end when one side does, or their user's access."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.integration.proxy_site.processes import CACHE_SECONDS, PATIENCE_SECONDS, Browser, Site, ask
from tests.integration.services import HOST, wait_until

MIB = 2**20
MOST_GROWTH_KIB = 48 * 1024


@pytest.fixture(scope="module")
def root(proxy_site: Site) -> Browser:
    return proxy_site.sign_in("root")


@contextlib.contextmanager
def talking(browser: Browser, path: str = "/ops/ui/talk", **options: Any) -> Iterator[ClientConnection]:
    """Open a websocket as a page of the site does."""
    headers = options.pop("headers", browser.headers)
    options.setdefault("origin", browser.origin)
    with connect(
        f"ws://{HOST}:{browser.site.port}{path}",
        additional_headers=headers,
        compression=options.pop("compression", None),
        open_timeout=PATIENCE_SECONDS,
        max_size=None,
        **options,
    ) as connection:
        yield connection


def refusal(browser: Browser, path: str = "/ops/ui/talk", **options: Any) -> int:
    """Return the status with which a websocket is refused."""
    with pytest.raises(InvalidStatus) as refused, talking(browser, path, **options):
        pass
    return refused.value.response.status_code


def ending(connection: ClientConnection) -> tuple[int | None, str | None]:
    """Return how the other side ends a websocket."""
    try:
        while True:
            connection.recv(PATIENCE_SECONDS)
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd is not None else (None, None)


# Who gets in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "status"), [("", 401), ("eve", 403)])
def test_only_those_who_may_get_in__accept_11(proxy_site, kind, status):
    browser = proxy_site.sign_in(kind) if kind else Browser(proxy_site)
    assert refusal(browser) == status


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"]
)
def test_a_foreign_origin_is_refused__accept_11(proxy_site, root, origin):
    before = proxy_site.told().get("websockets opened", 0)
    assert refusal(root, origin=origin) == 403
    assert proxy_site.told().get("websockets opened", 0) == before


def test_no_origin_is_refused__accept_11(root):
    assert refusal(root, origin=None) == 403


def test_a_cross_site_page_is_refused_whatever_its_origin__accept_11(root):
    assert refusal(root, headers=root.headers | {"Sec-Fetch-Site": "cross-site"}) == 403


def test_another_host_is_refused(root):
    headers = root.headers | {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}
    assert refusal(root, headers=headers, origin="http://evil.example") == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ops/nothing/talk", 404),
        ("/ops/", 404),
        ("/ops/ui", 404),
        ("/ops/ui/../large/talk", 400),
        ("/ops/ui/%2e%2e/large/talk", 400),
        ("/ops/ui//talk", 400),
        ("/ops/large/talk", 403),  # it has no websockets
        ("/ops/down/talk", 502),
        ("/ops/hasty/slow?seconds=30", 504),
        ("/ops/ui/echo", 502),  # the UI answers 200
        ("/ops/ui/status?code=404", 404),
        ("/ops/ui/status?code=500", 502),
    ],
)
def test_what_is_refused_has_a_status__accept_12(root, path, status):
    assert refusal(root, path) == status


def test_a_redirect_is_not_followed__accept_9(proxy_site, root):
    before = proxy_site.told()
    to = f"http://{HOST}:{proxy_site.upstream.port}/talk"
    assert refusal(root, f"/ops/ui/redirect?to={to}") == 502
    after = proxy_site.told()
    assert after.get("redirects", 0) == before.get("redirects", 0) + 1
    assert after.get("websockets opened", 0) == before.get("websockets opened", 0)


def test_other_websockets_are_the_applications(root):
    # Django's own application takes none
    with pytest.raises((InvalidStatus, ConnectionClosed, EOFError, OSError)), talking(root, "/elsewhere"):
        pass


# What passes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["text", "", "€ \U0001f600", b"bytes", b"", b"\x00\xff" * 1000, "x" * MIB])
def test_messages_pass_as_they_are__accept_11(root, message):
    with talking(root) as connection:
        connection.send(message)
        assert connection.recv(PATIENCE_SECONDS) == message


def test_fragments_are_one_message(root):
    with talking(root) as connection:
        connection.send(iter(["a", "", "b", "c"]))
        assert connection.recv(PATIENCE_SECONDS) == "abc"


def test_compression_is_between_browser_and_site(root):
    with talking(root, compression="deflate") as connection:
        connection.send("x" * 100_000)
        assert connection.recv(PATIENCE_SECONDS) == "x" * 100_000


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["v1.ui"], "v1.ui"), (["other", "v2.ui"], "v2.ui"), (["other"], None), (None, None)]
)
def test_the_ui_chooses_the_subprotocol__accept_11(root, offered, chosen):
    with talking(root, subprotocols=offered) as connection:
        assert connection.subprotocol == chosen


def test_the_prefix_may_be_stripped(root):
    with talking(root, "/ops/stripped/talk?a=b") as connection:
        connection.send("hello")
        assert connection.recv(PATIENCE_SECONDS) == "hello"


def test_a_ping_of_the_browser_is_answered__accept_11(root):
    with talking(root) as connection:
        assert connection.ping().wait(PATIENCE_SECONDS)


def test_a_ping_of_the_ui_is_answered__accept_11(root):
    with talking(root) as connection:
        connection.send("ping")
        assert connection.recv(PATIENCE_SECONDS) == "pong came"


def test_the_ui_is_told_who_is_there_and_no_more__accept_3(root):
    forged = {
        "X-WEBAUTH-USER": "forged", "X_Webauth_User": "forged", "Remote-User": "forged", "X-Forwarded-For": "forged",
        "Authorization": "forged", "Sec-WebSocket-Extensions": "forged",
    }  # fmt: skip
    headers = {"Cookie": f"{root.cookie}; ui_session=mine"} | forged
    with talking(root, headers=headers) as connection:
        connection.send("headers")
        received = [(name.lower(), value) for name, value in json.loads(connection.recv(PATIENCE_SECONDS))]
    assert [value for name, value in received if name == "x-webauth-user"] == [root.username]
    assert [value for name, value in received if name == "cookie"] == ["ui_session=mine"]
    assert [value for name, value in received if name == "origin"] == [root.origin]
    assert [value for name, value in received if name == "host"] == [root.origin.removeprefix("http://")]
    assert "forged" not in str(received)


# How it ends ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "reason"), [(1000, "done"), (1001, ""), (3000, "x"), (4999, "€"), (1011, "broken")])
def test_the_ui_closes__accept_11(root, code, reason):
    with talking(root) as connection:
        connection.send(f"close {code} {reason}")
        assert ending(connection) == (code, reason)


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_the_browser_closes__accept_11(proxy_site, root, code):
    told = f"websocket closed with {code}"
    before = proxy_site.told().get(told, 0)
    with talking(root) as connection:
        connection.close(code, "bye")
    proxy_site.until_told(told, before + 1)


def test_the_ui_vanishes(root):
    with talking(root) as connection:
        connection.send("abort")
        assert ending(connection)[0] == 1014


def test_the_browser_vanishes(proxy_site, root):
    before = proxy_site.told().get("websockets closed", 0)
    with contextlib.suppress(ConnectionClosed, OSError), talking(root) as connection:
        connection.socket.shutdown(socket.SHUT_RDWR)
    proxy_site.until_told("websockets closed", before + 1)


@pytest.mark.parametrize("size", [1000, 1001])
def test_a_message_of_the_browser_has_a_limit__accept_11(root, size):
    with talking(root, "/ops/small/talk") as connection:
        connection.send(b"x" * size)
        if size == 1000:
            assert connection.recv(PATIENCE_SECONDS) == b"x" * 1000
        else:
            assert ending(connection)[0] == 1009


@pytest.mark.parametrize("size", [1000, 1001])
def test_a_message_of_the_ui_has_a_limit__accept_11(root, size):
    with talking(root, "/ops/small/talk") as connection:
        connection.send(f"send {size}")
        if size == 1000:
            assert connection.recv(PATIENCE_SECONDS) == b"x" * 1000
        else:
            assert ending(connection)[0] == 1009


# Backpressure ---------------------------------------------------------------------------------------------------------


def test_a_browser_that_does_not_read_stops_the_ui__accept_11(proxy_site, root):
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    raw.connect((HOST, proxy_site.port))
    with talking(root, sock=raw, max_queue=1) as connection:
        connection.send("warm up")
        connection.recv(PATIENCE_SECONDS)
        proxy_site.forget_peak()
        before = proxy_site.resident_kib
        connection.send("flood 8000")  # 500 MiB
        time.sleep(2)
        assert proxy_site.peak_kib - before < MOST_GROWTH_KIB
        assert proxy_site.told()["flooded"] < 2000
        connection.socket.shutdown(socket.SHUT_RDWR)


def test_a_ui_that_does_not_read_stops_the_browser__accept_11(proxy_site, root):
    with talking(root) as connection:
        connection.send("sleep 15")
        proxy_site.forget_peak()
        before = proxy_site.resident_kib
        connection.socket.settimeout(2)
        sent = 0
        with contextlib.suppress(TimeoutError, ConnectionClosed, OSError):
            while sent < 500:
                connection.send(b"x" * MIB)
                sent += 1
        assert sent < 100
        assert proxy_site.peak_kib - before < MOST_GROWTH_KIB


# Revocation -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["sign-out", "deactivate", "take-permissions"])
def test_it_ends_when_its_user_may_not_have_it__accept_11(proxy_site, how):
    ada = proxy_site.sign_in("ada")
    closed_before = proxy_site.told().get("websocket closed with 1008", 0)
    with talking(ada) as connection:
        connection.send("hello")
        assert connection.recv(PATIENCE_SECONDS) == "hello"
        started = time.monotonic()
        ada.get("/sign-out" if how == "sign-out" else f"/{how}/{ada.username}")
        assert ending(connection) == (1008, "access has ended")
        assert time.monotonic() - started < 10 * CACHE_SECONDS
    proxy_site.until_told("websocket closed with 1008", closed_before + 1)


def test_it_ends_although_nobody_reads(proxy_site):
    ada = proxy_site.sign_in("ada")

    def is_open() -> bool:
        return proxy_site.metric("ops_gate_websockets_open", service="calm") == 1

    with talking(ada, "/ops/calm/talk", max_queue=1) as connection:
        connection.send("flood 8000")
        wait_until(is_open, "it is open", PATIENCE_SECONDS)
        ada.get("/sign-out")
        wait_until(lambda: not is_open(), "it has ended", PATIENCE_SECONDS)
        connection.socket.shutdown(socket.SHUT_RDWR)


def test_it_stays_while_its_user_may_have_it(proxy_site):
    ada = proxy_site.sign_in("ada")
    with talking(ada) as connection:
        time.sleep(CACHE_SECONDS * 2.2)
        connection.send("still here")
        assert connection.recv(PATIENCE_SECONDS) == "still here"


def test_another_users_stays(proxy_site):
    ada, other = proxy_site.sign_in("ada"), proxy_site.sign_in("ada")
    with talking(ada) as ends, talking(other) as stays:
        ask(proxy_site.port, "GET", f"/deactivate/{ada.username}")
        assert ending(ends)[0] == 1008
        stays.send("still here")
        assert stays.recv(PATIENCE_SECONDS) == "still here"


# What is told ---------------------------------------------------------------------------------------------------------


def test_it_is_counted_while_it_is_open(proxy_site):
    ada = proxy_site.sign_in("ada")

    def is_open(number: int) -> bool:
        return proxy_site.metric("ops_gate_websockets_open", service="stripped") == number

    with talking(ada, "/ops/stripped/talk"):
        wait_until(lambda: is_open(1), "one is open", PATIENCE_SECONDS)
    wait_until(lambda: is_open(0), "none is open", PATIENCE_SECONDS)


def test_it_leaves_a_line(proxy_site):
    ada = proxy_site.sign_in("ada")
    with talking(ada, "/ops/stripped/talk") as connection:
        connection.close(4321, "bye")

    def labels() -> list[dict[str, Any]]:
        lines = proxy_site.lines(lambda line: line["message"] == "A websocket to stripped ended.")
        return [line["labels"] for line in lines if line["labels"].get("gate_close_code") == "4321"]

    wait_until(lambda: len(labels()) == 1, "the line is there", PATIENCE_SECONDS)
    assert labels()[0]["gate_ended_by"] == "client"


def test_nothing_is_left_of_it(proxy_site, root):
    root.get("/ops/ui/echo")
    before = proxy_site.facts()
    for _ in range(20):
        with talking(root) as connection:
            connection.send("hello")
            connection.recv(PATIENCE_SECONDS)

    def is_as_before() -> bool:
        now = proxy_site.facts()
        return now["tasks"] <= before["tasks"] and now["descriptors"] <= before["descriptors"] + 2

    wait_until(is_as_before, "tasks and connections are as before", PATIENCE_SECONDS)
