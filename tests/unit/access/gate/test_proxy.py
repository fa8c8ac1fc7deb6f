"""The view of proxy mode, from Django's side; with a real server it is tested in tests/integration."""

from __future__ import annotations

import asyncio
import gc

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import RequestFactory

from django_ops.access.gate import proxy_watch
from django_ops.access.gate.decision import Person
from django_ops.access.gate.proxy import proxy
from django_ops.access.gate.proxy_carrier import AccessEndedError
from django_ops.access.gate.proxy_client import UpstreamError
from django_ops.exceptions import ImproperlyConfiguredError
from tests.integration.proxy_site.upstream import events
from tests.unit.access.gate.proxying import (
    ADA,
    OWN,
    PATIENCE_SECONDS,
    SESSION,
    Answer,
    Connection,
    Site,
    until_more,
    upstream,
)
from tests.unit.handlers import scope

pytestmark = [
    pytest.mark.usefixtures("proxied"),
    # Django's ASGI handler does not close the request's body when sending raises
    pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning"),
]

HTML = (b"accept", b"text/html")


def services(address: str, **changes: object) -> dict[str, dict[str, object]]:
    return {"ui": {"upstream": address, "user_header": "X-User-Name", "cookies": ["ui_session"], **changes}}


def ask(settings, path: str, *arguments: object, wrapped: bool = True, **changes: object) -> Answer:
    """Send a request through Django to the UI, in a loop of its own."""

    async def run() -> Answer:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address, **changes)
            return await Site(wrapped=wrapped).ask(path, *arguments)

    return asyncio.run(run())


def test_proxy__carries_a_request(settings):
    answer = ask(settings, "/ops/ui/echo?a=b")
    assert answer.status == 200
    assert b'"/ops/ui/echo?a=b"' in answer.body
    assert b'["X-User-Name", "ada"]' in answer.body


def test_proxy__has_no_content_type_of_its_own(settings):
    assert ask(settings, "/ops/ui/status?code=204").all("Content-Type") == []


def test_proxy__sets_each_cookie(settings):
    assert ask(settings, "/ops/ui/cookies").all("Set-Cookie") == [
        "ui_session=one; HttpOnly; Path=/ops/ui/",
        "ui_session=two; Path=/ops/ui/api",
    ]


def test_proxy__django_does_not_complain_of_what_the_ui_answers(settings, caplog):
    assert ask(settings, "/ops/ui/status?code=500").status == 500
    assert [record.name for record in caplog.records if record.name == "django.request"] == []


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/ops/nothing/x", "GET", 404),
        ("/ops/ui/x", "TRACE", 405),
        ("/ops/ui//x", "GET", 400),
        ("/ops/ui/a/../b", "GET", 400),
        ("/ops/ui/slow?seconds=60", "GET", 504),
    ],
)
def test_proxy__answers_itself(settings, path, method, status):
    assert ask(settings, path, method, timeout_seconds=0.2).status == status


def test_proxy__is_off_in_another_mode(settings):
    settings.OPS_GATE_MODE = "nginx"
    assert ask(settings, "/ops/ui/echo").status == 404


def test_proxy__needs_asgi(settings):
    with pytest.raises(ImproperlyConfiguredError, match="ASGI"):
        asyncio.run(proxy(RequestFactory().get("/ops/ui/"), "ui"))


@pytest.mark.parametrize(
    ("headers", "method", "status", "location"),
    [
        ([HTML], "GET", 302, ["/login/?next=/ops/ui/x%3Fa"]),
        ([HTML, OWN], "POST", 302, ["/login/?next=/ops/ui/"]),
        ([], "GET", 401, []),
    ],
)
def test_proxy__of_nobody__accept_5(settings, known, headers, method, status, location):
    known.person = None
    answer = ask(settings, "/ops/ui/x?a", method, (), headers)
    assert (answer.status, answer.all("Location")) == (status, location)


def test_proxy__of_somebody_who_may_not(settings, known):
    known.person = Person("8", "eve", "", may_open=False, role="")
    assert ask(settings, "/ops/ui/x").status == 403


def test_proxy__of_who_cannot_be_known(settings, known, caplog):
    known.person = ConnectionError("the session store is down")
    assert ask(settings, "/ops/ui/x").status == 403
    assert "the session store is down" in caplog.text


def test_proxy__with_a_scheme_that_cannot_be_told(settings, caplog):
    settings.SECURE_PROXY_SSL_HEADER = "no pair"
    assert ask(settings, "/ops/ui/x").status == 403


def test_proxy__names_the_path_where_the_server_does_not(settings):
    async def run() -> Answer:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            site = Site()
            inner = site.application

            async def without_raw_path(scope, receive, send):
                del scope["raw_path"]
                await inner(scope, receive, send)

            site.application = without_raw_path
            return await site.ask("/ops/ui/a b")

    assert b'"target": "/ops/ui/a%20b"' in asyncio.run(run()).body


LENGTH = (b"content-length", b"10")
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
def test_upload__comes_whole(settings, wrapped, framing):
    answer = ask(settings, "/ops/ui/upload", "POST", [b"01234", b"56789"], [SESSION, OWN, framing], wrapped=wrapped)
    assert b'"bytes": 10,' in answer.body


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
def test_upload__beyond_the_limit__accept_7(settings, wrapped, framing):
    headers = [SESSION, OWN, framing]
    answer = ask(settings, "/ops/ui/upload", "POST", [b"01234", b"56789"], headers, wrapped=wrapped, max_body_bytes=9)
    assert (answer.status, answer.all("Connection")) == (413, ["close"])


def test_upload__without_a_word_of_its_length_in_http_2(settings):
    async def run() -> Answer:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            site = Site()
            inner = site.application

            async def in_http_2(scope, receive, send):
                await inner({**scope, "http_version": "2"}, receive, send)

            site.application = in_http_2
            return await site.ask("/ops/ui/upload", "POST", [b"abc"])

    assert b'"bytes": 3,' in asyncio.run(run()).body


def test_upload__that_ends_with_the_access_of_its_user(settings, known):
    settings.OPS_GATE_CACHE_SECONDS = 0

    async def run() -> Answer:
        begun, broken_off = events["upload parts"], events["upload broken off"]
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            connection = Site().begin("/ops/ui/upload", "POST", [SESSION, OWN, LENGTH])
            connection.put("http.request", body=b"01", more_body=True)
            await until_more("upload parts", begun)
            known.person = None
            await connection.end()
            await until_more("upload broken off", broken_off)
            return connection.answer()

    assert asyncio.run(run()).status == 403


@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
def test_upload__beyond_the_limit_is_no_fault_of_the_ui(settings, caplog, framing):
    ask(settings, "/ops/ui/upload", "POST", [b"01234", b"56789"], [SESSION, OWN, framing], max_body_bytes=9)
    assert [record.message for record in caplog.records if hasattr(record, "gate_error")] == []


def test_upload__whose_client_leaves(settings):
    async def run() -> Connection:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            connection = Site().begin("/ops/ui/upload", "POST", [SESSION, OWN, LENGTH])
            connection.put("http.request", body=b"01", more_body=True)
            connection.put("http.disconnect")
            await connection.end()
            return connection

    assert asyncio.run(run()).sent == []


# Ends -----------------------------------------------------------------------------------------------------------------


def test_stream__ends_with_the_access_of_its_user(settings, known):
    settings.OPS_GATE_CACHE_SECONDS = 0

    async def run() -> Answer:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            connection = Site().begin("/ops/ui/events?seconds=60")
            connection.put("http.request")
            await connection.until("http.response.body")
            known.person = None
            await connection.end()
            return connection.answer()

    assert asyncio.run(run()).is_complete  # its client asks again


def test_download__breaks_off_with_the_access_of_its_user(settings, known, caplog):
    settings.OPS_GATE_CACHE_SECONDS = 0

    async def run() -> None:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            connection = Site().begin("/ops/ui/stall")
            connection.put("http.request")
            await connection.until("http.response.body")
            known.person = Person(ADA.key, ADA.username, ADA.email, may_open=True, role="Admin")
            await connection.end()

    with pytest.raises(AccessEndedError):
        asyncio.run(run())
    assert [record.message for record in caplog.records if hasattr(record, "gate_error")] == []


def test_answer__that_comes_after_the_access_has_ended(settings, known):
    settings.OPS_GATE_CACHE_SECONDS = 0

    async def run() -> Answer:
        begun = events["slow began"]
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            connection = Site().begin("/ops/ui/slow?seconds=1.5")
            connection.put("http.request")
            await until_more("slow began", begun)
            known.person = None
            await connection.end()
            return connection.answer()

    assert asyncio.run(run()).status == 403


@pytest.mark.parametrize("path", ["/ops/ui/broken?length=1", "/ops/ui/stall"])
def test_download__that_the_ui_breaks_off(settings, path):
    with pytest.raises(UpstreamError, match=r"broken-off|timeout"):
        ask(settings, path, timeout_seconds=0.3)


def test_download__that_nobody_reads_is_let_go(settings):
    async def run() -> None:
        async with upstream() as address:
            settings.OPS_GATE_SERVICES = services(address)
            request = ASGIRequest(scope("/ops/ui/events", "GET", [SESSION, OWN]), None)
            kept = [await proxy(request, "ui")]
            assert kept[0].status_code == 200
            assert proxy_watch._watches
            await asyncio.to_thread(kept.clear)  # collected wherever the collector happens to run
            await asyncio.to_thread(gc.collect)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while proxy_watch._watches:
                    await asyncio.sleep(0.01)

    asyncio.run(run(), debug=True)  # complains of what is not safe for threads
