"""What the measured site is sent."""

import asyncio

from benchmarks import traffic


def test_environs__differ_so_that_no_cache_flatters():
    assert len({environ["PATH_INFO"] for environ in traffic.environs("sync")}) == traffic.DIFFERENT


def test_environs_and_scopes__carry_the_same_headers():
    environ, scope = traffic.environs("sync")[5], traffic.scopes("sync")[5]
    sent = {f"HTTP_{name.decode().upper().replace('-', '_')}": value.decode() for name, value in scope["headers"]}
    assert sent == {name: value for name, value in environ.items() if name.startswith("HTTP_")}


def test_exchange__receive_waits_for_the_end_after_the_body():
    async def exchange():
        one = traffic.Exchange()
        first = await one.receive()
        waiting = asyncio.ensure_future(one.receive())
        await asyncio.sleep(0)
        is_waiting = not waiting.done()
        await one.send({"type": "http.response.start", "status": 200})
        await one.send({"type": "http.response.body", "body": b"page"})
        return first["type"], is_waiting, (await waiting)["type"], one.status, one.size

    assert asyncio.run(exchange()) == ("http.request", True, "http.disconnect", 200, 4)
