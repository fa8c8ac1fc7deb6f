"""A UI as the tests need it, on aiohttp: echoes, streams, and remembers what became of its connections.

`python -m tests.integration.proxy_site.upstream FD`
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import sys
from collections import Counter
from pathlib import Path

from aiohttp import WSMsgType, web

CHUNK = b"0123456789abcdef" * 4096  # 64 KiB

#: What happened, by name: told at /events.
events: Counter[str] = Counter()


async def echo(request: web.Request) -> web.StreamResponse:
    """Tell what came."""
    body = await request.read()
    return web.json_response(
        {
            "method": request.method,
            "target": request.raw_path,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers],
            "body": body.decode("latin-1"),
        }
    )


async def stream(request: web.Request) -> web.StreamResponse:
    """Send as many bytes as asked for; with `length`, announced."""
    left = int(request.query["bytes"])
    response = web.StreamResponse()
    if "length" in request.query:
        response.content_length = left
    await response.prepare(request)
    try:
        while left > 0:
            await response.write(CHUNK[:left])
            left -= len(CHUNK)
    except (ConnectionError, asyncio.CancelledError):
        events["stream broken off"] += 1
        raise
    events["stream ended"] += 1
    return response


async def server_sent(request: web.Request) -> web.StreamResponse:
    """Send an event, and then one each 50 ms, or after `seconds`."""
    events["events began"] += 1
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    try:
        for number in range(100_000):
            await response.write(f"data: {number}\n\n".encode())
            await asyncio.sleep(float(request.query.get("seconds", 0.05)))
    except (ConnectionError, asyncio.CancelledError):
        events["events broken off"] += 1
        raise
    return response


async def upload(request: web.Request) -> web.StreamResponse:
    """Count what is sent, as it comes."""
    digest, size, parts = hashlib.sha256(), 0, 0
    try:
        async for part in request.content.iter_any():
            digest.update(part)
            size += len(part)
            parts += 1
            events["upload parts"] += 1
    except BaseException:
        events["upload broken off"] += 1
        raise
    return web.json_response({"bytes": size, "parts": parts, "sha256": digest.hexdigest()})


async def slow(request: web.Request) -> web.StreamResponse:
    """Answer after a while."""
    events["slow began"] += 1
    try:
        await asyncio.sleep(float(request.query["seconds"]))
    except asyncio.CancelledError:
        events["slow cancelled"] += 1
        raise
    return web.Response(text="at last")


async def stall(request: web.Request) -> web.StreamResponse:
    """Begin a body, and never end it."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"begun")
    await asyncio.sleep(60)
    return response


async def broken(request: web.Request) -> web.StreamResponse:
    """Announce more than is sent, and break off."""
    response = web.StreamResponse()
    if "length" in request.query:
        response.content_length = 1000
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.abort()
    return response


async def hop(request: web.Request) -> web.StreamResponse:
    """Send headers that are for the next hop, or for the whole site."""
    headers = [
        ("Keep-Alive", "timeout=5"),
        ("Connection", "X-Private"),
        ("X-Private", "1"),
        ("Proxy-Authenticate", "Basic"),
        ("Strict-Transport-Security", "max-age=1"),
        ("Access-Control-Allow-Origin", "*"),
        ("X-WEBAUTH-USER", "root"),
        ("Server", "secret/1.0"),
        ("X-Kept", "1"),
        ("Vary", "Accept"),
        ("Vary", "Origin"),
    ]
    response = web.Response(text="hop")
    for name, value in headers:
        response.headers.add(name, value)
    return response


async def cookies(request: web.Request) -> web.StreamResponse:
    """Set a cookie of its own, and others."""
    response = web.Response(text="cookies")
    for value in (
        "ui_session=one; Path=/; HttpOnly; Domain=example",
        "ui_session=two; Path=/api",
        "sessionid=stolen; Path=/",
        "csrftoken=stolen; Path=/",
        "other=1",
    ):
        response.headers.add("Set-Cookie", value)
    return response


async def redirect(request: web.Request) -> web.StreamResponse:
    """Redirect to where it is told."""
    events["redirects"] += 1
    return web.Response(status=302, headers={"Location": request.query["to"]})


async def compressed(request: web.Request) -> web.StreamResponse:
    """Send what has been compressed, whether or not the client takes it."""
    body = gzip.compress(b"small when compressed" * 100)
    return web.Response(body=body, headers={"Content-Encoding": "gzip"})


async def status(request: web.Request) -> web.StreamResponse:
    """Answer with a status."""
    return web.Response(status=int(request.query["code"]))


async def told(request: web.Request) -> web.StreamResponse:
    """Tell what happened so far, and how much memory it takes."""
    memory = Path("/proc/self/status").read_text()
    (resident,) = (int(line.split()[1]) for line in memory.splitlines() if line.startswith("VmRSS"))
    return web.json_response({**events, "resident_kib": resident})


async def talk(request: web.Request) -> web.StreamResponse:
    """Echo messages; a text that begins with a word from below is a command."""
    websocket = web.WebSocketResponse(protocols=("v2.ui", "v1.ui"), max_msg_size=64 * 2**20, autoping=False)
    await websocket.prepare(request)
    events["websockets opened"] += 1
    async for message in websocket:
        if message.type is WSMsgType.BINARY:
            await websocket.send_bytes(message.data)
        elif message.type is WSMsgType.PING:
            events["websocket pings"] += 1
            await websocket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            events["websocket pongs"] += 1
            await websocket.send_str("pong came")
        elif message.type is WSMsgType.TEXT:
            await command(request, websocket, message.data)
    events["websockets closed"] += 1
    events[f"websocket closed with {websocket.close_code}"] += 1
    return websocket


async def command(request: web.Request, websocket: web.WebSocketResponse, text: str) -> None:
    word, _, rest = text.partition(" ")
    if word == "close":
        code, _, reason = rest.partition(" ")
        await websocket.close(code=int(code), message=reason.encode())
    elif word == "abort":
        assert request.transport is not None
        request.transport.abort()
    elif word == "ping":
        await websocket.ping(b"here")
    elif word == "headers":
        await websocket.send_json([[name.decode(), value.decode()] for name, value in request.raw_headers])
    elif word == "send":
        await websocket.send_bytes(b"x" * int(rest))
    elif word == "flood":
        for _ in range(int(rest)):
            await websocket.send_bytes(CHUNK)
            events["flooded"] += 1
    elif word == "sleep":
        await asyncio.sleep(float(rest))
    else:
        await websocket.send_str(text)


HANDLERS = {
    "stream": stream, "events": server_sent, "upload": upload, "slow": slow, "stall": stall, "broken": broken,
    "hop": hop, "cookies": cookies, "redirect": redirect, "status": status,
    "compressed": compressed, "told": told, "talk": talk,
}  # fmt: skip


async def dispatch(request: web.Request) -> web.StreamResponse:
    """Take the handler that the last word of the path names, or echo."""
    events["requests"] += 1
    return await HANDLERS.get(request.path.rpartition("/")[2], echo)(request)


def main(descriptor: int) -> None:
    application = web.Application(client_max_size=2**40)
    application.router.add_route("*", "/{path:.*}", dispatch)
    web.run_app(application, sock=socket.socket(fileno=descriptor), print=None, handler_cancellation=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
