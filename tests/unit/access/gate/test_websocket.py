"""The websocket application of proxy mode, and the wrapper around Django's own."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from django_ops.access.gate import proxy_client
from django_ops.access.gate.asgi import gate
from django_ops.access.gate.decision import Person
from django_ops.access.gate.proxy_relay import CLIENT, GATE, UPSTREAM, Ending, is_sendable
from django_ops.exceptions import MissingExtraError
from tests.integration.proxy_site.upstream import events
from tests.unit.access.gate.proxying import OWN, SESSION, Connection, Site, until_more, upstream
from tests.unit.handlers import scope

pytestmark = pytest.mark.usefixtures("proxied")


def run(settings, act: Callable[[Site], Awaitable[Any]], **changes: object) -> Any:
    """Let something happen at the site, with its UI running."""

    async def with_upstream() -> Any:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = {"ui": {"upstream": address, "websocket": True, **changes}}
            return await act(Site())

    return asyncio.run(with_upstream())


async def opened(site: Site, path: str = "/ops/ui/talk", **options: Any) -> Connection:
    connection = site.open(path, **options)
    await connection.until("websocket.accept")
    return connection


# Handshakes -----------------------------------------------------------------------------------------------------------


def test_handshake__chooses_what_the_ui_chooses(settings):
    async def act(site: Site) -> Any:
        connection = site.open("/ops/ui/talk", subprotocols=["other", "v1.ui"])
        accepted = await connection.until("websocket.accept")
        connection.put("websocket.disconnect", code=1000)
        await connection.end()
        return accepted["subprotocol"]

    assert run(settings, act) == "v1.ui"


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        ("/ops/nothing/talk", {}, 404),
        ("/ops/ui", {}, 404),
        ("/ops/ui/a/../talk", {}, 400),
        ("/ops/ui/talk", {"query_string": b"\xff"}, 400),
        ("/ops/ui/echo", {}, 502),
        ("/ops/ui/status?code=404", {}, 404),
        ("/ops/ui/redirect?to=/talk", {}, 502),
        ("/ops/ui/slow?seconds=60", {}, 504),
    ],
)
def test_handshake__is_refused(settings, path, changes, status):
    async def act(site: Site) -> Any:
        connection = site.open(path, **changes)
        await connection.end()
        return connection.sent

    start, body = run(settings, act, timeout_seconds=0.3)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    assert body == {"type": "websocket.http.response.body", "body": b""}


def test_handshake__is_refused_by_a_server_that_knows_403_only(settings):
    async def act(site: Site) -> Any:
        connection = site.open("/ops/nothing/talk", extensions={})
        await connection.end()
        return connection.sent

    assert run(settings, act) == [{"type": "websocket.close", "code": 1008}]


def test_handshake__of_a_ui_that_is_down(settings, closed_port):
    async def act(site: Site) -> Any:
        settings.OPS_GATE_SERVICES = {"ui": {"upstream": f"http://127.0.0.1:{closed_port}", "websocket": True}}
        connection = site.open("/ops/ui/talk")
        await connection.end()
        return connection.sent[0]["status"]

    assert run(settings, act) == 502


@pytest.mark.parametrize(
    ("person", "headers", "status"),
    [
        (None, [SESSION, OWN], 401),
        (Person("8", "eve", "", may_open=False, role=""), [SESSION, OWN], 403),
        (ConnectionError("down"), [SESSION, OWN], 403),
        ("ada", [SESSION, (b"origin", b"https://evil.example")], 403),
        ("ada", [SESSION], 403),
    ],
)
def test_handshake__of_those_who_may_not(settings, known, person, headers, status):
    known.person = known.person if person == "ada" else person

    async def act(site: Site) -> Any:
        connection = site.open("/ops/ui/talk", headers)
        await connection.end()
        return connection.sent[0]["status"]

    assert run(settings, act) == status


def test_handshake__of_a_service_without_websockets(settings):
    async def act(site: Site) -> Any:
        connection = site.open("/ops/ui/talk")
        await connection.end()
        return connection.sent[0]["status"]

    assert run(settings, act, websocket=False) == 403


def test_handshake__that_is_taken_back(settings):
    async def act(site: Site) -> Any:
        connection = site.open("/ops/ui/talk")
        connection.incoming.get_nowait()
        connection.put("websocket.disconnect", code=1006)
        await connection.end()
        return connection.sent

    assert run(settings, act) == []


# Messages and endings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [{"text": "a"}, {"text": ""}, {"bytes": b"a"}, {"bytes": b""}])
@pytest.mark.parametrize("has_both", [True, False])
def test_message__passes_both_ways__accept_11(settings, message, has_both):
    async def act(site: Site) -> Any:
        connection = await opened(site)
        connection.put("websocket.receive", **({"text": None, "bytes": None} if has_both else {}) | message)
        echoed = await connection.until("websocket.send")
        connection.put("websocket.disconnect", code=1000)
        await connection.end()
        return echoed

    assert run(settings, act) == {"type": "websocket.send", **message}


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("close 4001 bye", 4001, "bye"),
        ("abort", 1014, ""),
        ("send 2000", 1009, ""),
        ("x" * 1001, 1009, "message too big"),
    ],
)
def test_end__that_the_browser_sees__accept_11(settings, message, code, reason):
    async def act(site: Site) -> Any:
        connection = await opened(site)
        connection.put("websocket.receive", text=message)
        closed = await connection.until("websocket.close")
        await connection.end()
        return closed["code"], closed["reason"]

    assert run(settings, act, max_body_bytes=1000) == (code, reason)


def test_end__with_the_access__accept_11(settings, known):
    settings.OPS_GATE_CACHE_SECONDS = 0

    async def act(site: Site) -> Any:
        connection = await opened(site)
        known.person = None
        closed = await connection.until("websocket.close")
        await connection.end()
        return closed["code"], closed["reason"]

    assert run(settings, act) == (1008, "access has ended")


def test_end__because_the_client_cannot_be_sent_to(settings, caplog):
    caplog.set_level("INFO", "django_ops.access.gate")

    async def act(site: Site) -> None:
        connection = await opened(site)
        connection.fails_to_send = OSError("the client has gone")
        connection.put("websocket.receive", text="hello")
        await connection.end()

    run(settings, act)
    (record,) = [record for record in caplog.records if "websocket" in record.message]
    assert (record.gate_ended_by, record.gate_close_code, record.gate_user) == ("client", 1006, "7")


def test_end__because_the_client_left_before_it_was_accepted(settings):
    async def act(site: Site) -> int:
        closed = events["websockets closed"]
        connection = site.open("/ops/ui/talk")
        connection.fails_to_send = OSError("the client has gone")
        with pytest.raises(OSError, match="has gone"):
            await connection.end()
        await until_more("websockets closed", closed)
        return events["websockets closed"] - closed

    assert run(settings, act) == 1


def test_end__because_the_server_fails(settings):
    async def act(site: Site) -> None:
        connection = await opened(site)
        connection.fails_to_send = ValueError("no such message")
        connection.put("websocket.receive", text="hello")
        await connection.end()

    with pytest.raises(ValueError, match="no such message"):
        run(settings, act)


def test_end__because_the_server_stops(settings):
    async def act(site: Site) -> Any:
        connection = await opened(site)
        connection.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connection.task
        return await connection.until("websocket.close")

    assert run(settings, act)["code"] == 1011


@pytest.mark.parametrize(
    ("code", "side", "told"),
    [
        (1000, CLIENT, 1000),
        (4999, UPSTREAM, 4999),
        (1012, UPSTREAM, 1012),
        (1005, CLIENT, 1000),
        (1005, UPSTREAM, 1000),
        (1006, CLIENT, 1014),
        (1006, UPSTREAM, 1001),
        (1004, CLIENT, 1014),
        (999, UPSTREAM, 1001),
        (5000, UPSTREAM, 1001),
    ],
)
def test_ending__is_told_with_a_code_that_may_be_sent(code, side, told):
    assert Ending(GATE, code).code_for(side) == told
    assert is_sendable(told)


# The wrapper ----------------------------------------------------------------------------------------------------------


class Application:
    """Keeps what it was called with."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)


@pytest.mark.parametrize(
    ("changes", "is_put_aside"),
    [
        ({"path": "/ops/ui/x"}, True),
        ({"path": "/ops/ui/"}, True),
        ({"path": "/ops/ui"}, False),
        ({"path": "/ops/"}, False),
        ({"path": "/ops/nothing/x"}, False),
        ({"path": "/elsewhere"}, False),
        ({"path": "/elsewhere", "type": "websocket"}, False),
    ],
)
def test_gate__puts_the_body_of_uis_aside(settings, changes, is_put_aside):
    settings.OPS_GATE_SERVICES = {"ui": {"upstream": "http://ui"}}
    application = Application()
    asyncio.run(gate(application)({**scope("/"), **changes}, None, None))
    assert ["django_ops.gate.body" in scope for scope in application.scopes] == [is_put_aside]


@pytest.mark.parametrize("kind", ["http", "websocket", "lifespan"])
def test_gate__does_nothing_in_another_mode(settings, kind):
    settings.OPS_GATE_MODE = "nginx"
    application, asked = Application(), {**scope("/ops/ui/x"), "type": kind}
    asyncio.run(gate(application)(asked, None, None))
    assert application.scopes[0] is asked


async def takes_part(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def takes_no_part(scope: dict[str, Any], receive: Any, send: Any) -> None:
    raise ValueError("only HTTP connections")


@pytest.mark.parametrize("application", [takes_part, takes_no_part])
def test_gate__closes_its_connections_at_the_end(application):
    async def act() -> tuple[list[str], bool]:
        client = proxy_client.client()
        connection = Connection(gate(application), {"type": "lifespan"})
        connection.put("lifespan.startup")
        connection.put("lifespan.shutdown")
        await connection.end()
        return [message["type"] for message in connection.sent], client.kept.closed and client.fresh.closed

    assert asyncio.run(act()) == (["lifespan.startup.complete", "lifespan.shutdown.complete"], True)


def test_gate__an_application_may_fail_at_its_start():
    async def fails(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("no database")

    async def act() -> None:
        connection = Connection(gate(fails), {"type": "lifespan"})
        connection.put("lifespan.startup")
        await connection.end()

    with pytest.raises(RuntimeError, match="no database"):
        asyncio.run(act())


# The client -----------------------------------------------------------------------------------------------------------


def test_client__is_one_per_loop_and_forgets_closed_ones():
    async def act() -> proxy_client.Client:
        assert proxy_client.client() is proxy_client.client()
        return proxy_client.client()

    first = asyncio.run(act())
    second = asyncio.run(act())
    assert first is not second
    assert first.kept.closed  # or it would complain when it is collected
    proxy_client._let_all_go()
    assert second.kept.closed


def test_client__says_how_to_get_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    copy = importlib.util.spec_from_file_location("copy_of_proxy_client", proxy_client.__file__)
    with pytest.raises(MissingExtraError, match=r"pip install '\./django-ops\[gate\]'"):
        copy.loader.exec_module(importlib.util.module_from_spec(copy))
