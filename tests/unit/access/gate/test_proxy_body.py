"""The body of a request goes past Django, part by part."""

from __future__ import annotations

import asyncio

import pytest

from django_ops.access.gate.proxy_body import Body, BodyTooLargeError, ClientLeftError, Upload

LEFT = {"type": "http.disconnect"}
LIMIT = 1000


class Server:
    """Gives the messages of a client, and then waits for ever, as a server does."""

    def __init__(self, *messages: dict[str, object]) -> None:
        self.messages = list(messages)
        self.given = 0

    async def receive(self) -> dict[str, object]:
        if self.given == len(self.messages):
            await asyncio.Event().wait()
        self.given += 1
        return self.messages[self.given - 1]


def part(body: bytes, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.request", "body": body, "more_body": more}


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def read(server: Server, most_bytes: int = LIMIT) -> list[bytes]:
    """Read a body as a view does, while Django waits for the client to leave."""
    body = Body(server.receive)
    await body.receive()
    waiting = asyncio.create_task(body.receive())
    try:
        async with asyncio.timeout(5):
            return [each async for each in Upload(body.read(), most_bytes).read()]
    finally:
        waiting.cancel()


def test_receive__django_gets_an_empty_body_at_once():
    body = Body(Server().receive)
    assert asyncio.run(body.receive()) == {"type": "http.request", "body": b"", "more_body": False}


def test_receive__then_tells_django_that_the_client_has_left():
    async def run() -> object:
        body = Body(Server(part(b"a"), LEFT).receive)
        await body.receive()
        waiting = asyncio.create_task(body.receive())
        reading = asyncio.create_task(anext(body.read()))
        assert await reading == b"a"
        return await waiting

    assert asyncio.run(run()) == LEFT


def test_read__yields_the_parts_as_they_came():
    assert asyncio.run(read(Server(part(b"a"), part(b""), part(b"b"), part(b"", more=False)))) == [b"a", b"b"]


def test_read__of_one_part():
    assert asyncio.run(read(Server(part(b"abc", more=False)))) == [b"abc"]


def test_read__of_a_message_without_a_body():
    assert asyncio.run(read(Server({"type": "http.request"}))) == []


def test_read__is_what_pulls_the_parts_out_of_the_server():
    async def run() -> int:
        server = Server(*[part(b"x" * 10)] * 50)
        body = Body(server.receive)
        await body.receive()
        waiting = asyncio.create_task(body.receive())
        await settle()
        waiting.cancel()
        return server.given

    assert asyncio.run(run()) == 2  # one lies here, and one waits to be taken


def test_read__of_too_many_bytes__accept_7():
    with pytest.raises(BodyTooLargeError, match="more than 5 bytes"):
        asyncio.run(read(Server(part(b"123"), part(b"456", more=False)), most_bytes=5))


def test_read__of_just_enough_bytes():
    assert asyncio.run(read(Server(part(b"123"), part(b"45", more=False)), most_bytes=5)) == [b"123", b"45"]


def test_read__learns_that_the_client_has_left():
    with pytest.raises(ClientLeftError):
        asyncio.run(read(Server(part(b"a"), LEFT)))


def test_read__twice_yields_nothing_more():
    async def run() -> list[bytes]:
        body = Body(Server(part(b"a", more=False)).receive)
        await body.receive()
        waiting = asyncio.create_task(body.receive())
        assert [each async for each in body.read()] == [b"a"]
        waiting.cancel()
        return [each async for each in body.read()]

    assert asyncio.run(run()) == []


def test_upload__remembers_why_it_ended():
    async def run() -> object:
        body = Body(Server(part(b"1234")).receive)
        await body.receive()
        waiting = asyncio.create_task(body.receive())
        upload = Upload(body.read(), 3)
        with pytest.raises(BodyTooLargeError):
            await anext(upload.read())
        waiting.cancel()
        return upload.failure

    assert isinstance(asyncio.run(run()), BodyTooLargeError)
