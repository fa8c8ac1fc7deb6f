"""`python -m benchmarks.gate_soak`: 1,000 websockets and 10,000 requests through the proxy, memory before and after.

Needs the test environment (`make test` makes it): the site, the UI behind it and the clients are processes of this
tree. Two rounds are run: what the first one leaves are caches and buffers, what the second one adds would be a leak.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.integration.proxy_site.processes import Browser, Site, running
from tests.integration.services import HOST, wait_until

#: What a second round may add to the process: noise of the allocator.
MOST_ADDED_KIB = 8 * 1024

USERS = 20
CONCURRENT_REQUESTS = 32
CONCURRENT_HANDSHAKES = 50

UPLOAD = b"x" * 20_000


class Memory(NamedTuple):
    """What the site's process holds, after its garbage has been collected."""

    resident_kib: int
    descriptors: int
    tasks: int
    objects: int

    @classmethod
    def of(cls, site: Site) -> Memory:
        """Ask the process."""
        facts = site.facts()
        return cls(*(facts[name] for name in cls._fields))

    def __str__(self) -> str:
        return (
            f"{self.resident_kib / 1024:6.1f} MiB, {self.descriptors:5} descriptors, {self.tasks:5} tasks,"
            f" {self.objects:7} objects"
        )


class Soak:
    """The clients: a handful of users, each with many websockets and requests."""

    def __init__(self, site: Site, session: aiohttp.ClientSession, users: list[Browser]) -> None:
        self.site = site
        self.session = session
        self.users = users
        self.results: Counter[str] = Counter()
        self.listeners: list[asyncio.Task[None]] = []

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.site.port}/ops/ui/{path}"

    async def open_websockets(self, number: int) -> list[aiohttp.ClientWebSocketResponse]:
        """Open so many, and let each of them say something."""
        turns = asyncio.Semaphore(CONCURRENT_HANDSHAKES)

        async def open_one(index: int) -> aiohttp.ClientWebSocketResponse:
            user = self.users[index % len(self.users)]
            async with turns:
                websocket = await self.session.ws_connect(
                    self.url("talk"), headers=user.headers | {"Sec-Fetch-Site": "same-origin"}
                )
                await self.say(websocket, index)
                self.listeners.append(asyncio.create_task(self.listen(websocket)))
                return websocket

        return await asyncio.gather(*map(open_one, range(number)))

    async def listen(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        """Read until the websocket ends; only so the pings of the server are answered."""
        async for message in websocket:
            self.results["last words" if message.data == "bye" else "wrong messages"] += 1
        self.results[f"websocket closed with {websocket.close_code}"] += 1

    async def say(self, websocket: aiohttp.ClientWebSocketResponse, index: int) -> None:
        """Send a message, and wait for it to come back."""
        await websocket.send_str(f"hello {index}")
        answer = await websocket.receive_str(timeout=30)
        self.results["websocket messages" if answer == f"hello {index}" else "wrong messages"] += 1

    async def send_requests(self, number: int) -> None:
        """Send so many requests of four kinds: small, large, an upload, and one that goes before its answer."""
        numbers = iter(range(number))

        async def send_in_turn() -> None:
            for index in numbers:
                await self.send(index)

        await asyncio.gather(*(send_in_turn() for _ in range(CONCURRENT_REQUESTS)))

    async def send(self, index: int) -> None:
        headers = self.users[index % len(self.users)].headers | {"Sec-Fetch-Site": "same-origin"}
        kind = index % 10
        if kind == 0:
            request = self.session.get(self.url("stream?bytes=300000"), headers=headers)
        elif kind == 1:
            request = self.session.post(self.url("upload"), headers=headers, data=UPLOAD)
        elif kind == 2:
            request = self.session.get(self.url("events"), headers=headers)
        else:
            request = self.session.get(self.url("echo"), headers=headers)
        async with request as response:
            if kind == 2:
                await response.content.readany()
                response.close()  # the client leaves
            else:
                await response.read()
            self.results[f"status {response.status}"] += 1

    async def round(self, websockets: int, requests: int) -> None:
        """Hold the websockets open while the requests run; then close them."""
        started = time.monotonic()
        opened = await self.open_websockets(websockets)
        print(f"  {websockets} websockets open after {time.monotonic() - started:.1f} s: {await self.memory()}")
        started = time.monotonic()
        await self.send_requests(requests)
        seconds = time.monotonic() - started
        print(f"  {requests} requests in {seconds:.1f} s ({requests / seconds:.0f}/s): {await self.memory()}")
        # the UI's echo is the last thing that is heard before it closes, as it is asked to
        await asyncio.gather(*(websocket.send_str("bye") for websocket in opened))
        await asyncio.gather(*(websocket.send_str("close 4000 done") for websocket in opened))
        await asyncio.gather(*self.listeners)
        self.listeners.clear()

    async def memory(self) -> Memory:
        return await asyncio.to_thread(Memory.of, self.site)


def settled(site: Site, tasks: int) -> Memory:
    """Wait until nothing is under way any more."""
    wait_until(lambda: site.facts()["tasks"] <= tasks, "all connections have ended")
    return Memory.of(site)


async def soak(site: Site, websockets: int, requests: int) -> int:
    """Run a warm-up and two rounds; return 0 when the second one has added nothing."""
    users = [site.sign_in("ada") for _ in range(USERS)]
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as session:
        soaking = Soak(site, session, users)
        idle_tasks = (await soaking.memory()).tasks
        await soaking.send_requests(200)
        print(f"before:  {await asyncio.to_thread(settled, site, idle_tasks)}")
        after = []
        for number in (1, 2):
            print(f"round {number}")
            await soaking.round(websockets, requests)
            after.append(await asyncio.to_thread(settled, site, idle_tasks))
            print(f"after:   {after[-1]}")
    print(", ".join(f"{count} {name}" for name, count in sorted(soaking.results.items())))
    expected = {
        "status 200": 2 * requests + 200,
        "websocket messages": 2 * websockets,
        "last words": 2 * websockets,
        "websocket closed with 4000": 2 * websockets,
    }
    added_kib = after[1].resident_kib - after[0].resident_kib
    print(f"the second round added {added_kib} KiB; {MOST_ADDED_KIB} are allowed")
    return 0 if soaking.results == expected and added_kib < MOST_ADDED_KIB else 1


def main() -> int:
    """Run it; the exit status is 1 when memory grew or something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--websockets", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as directory, running(Path(directory)) as site:
        return asyncio.run(soak(site, options.websockets, options.requests))


if __name__ == "__main__":
    sys.exit(main())
