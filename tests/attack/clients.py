"""One client that is slow, or that guesses: do the others notice?"""

from __future__ import annotations

import socket
import time
from collections import Counter
from contextlib import ExitStack, suppress
from secrets import token_hex
from urllib.parse import urlencode

from tests.attack.target import Held, send, statuses
from tests.e2e.stack import Stack

SLOW_HEADERS, SLOW_BODIES = 300, 20
GUESSES = 60
#: As many guesses at one account are looked at; docs/how-to/sign-in-limit.md.
LOOKED_AT = 10
#: A page, while a client holds connections; it takes a tenth of that on an idle machine.
PAGE_SECONDS = 2.0
_TOKEN = "t" * 32  # of the cookie and of the form, as Django compares them


def slow(stack: Stack) -> Held:
    """Hold connections whose requests never end, and uploads that wait; ask for pages and post a form meanwhile."""
    troubles = []
    upload = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 9_000_000
    with ExitStack() as held:
        for request in (*[b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] * SLOW_HEADERS, *[upload] * SLOW_BODIES):
            with suppress(OSError):
                held.enter_context(socket.create_connection(("127.0.0.1", stack.port), 5)).sendall(request)
        began_at = time.monotonic()
        # nginx takes us for another client than who comes by the published port
        networks = stack.container("nginx")["NetworkSettings"]["Networks"]
        other = networks[f"{stack.project}_web"]["IPAddress"]
        form = (
            b"POST /report/recompute/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 64000\r\n\r\n"
        )
        page = b"GET /account/login/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        told = statuses([send(8080, form + b"x" * 64_000, host=other), send(8080, page, host=other)])
        took = time.monotonic() - began_at
    if told != [403, 200]:  # the form has no token of Django's
        troubles.append(f"a form and a page were answered {told}")
    if took > PAGE_SECONDS:
        troubles.append(f"a form and a page took {took:.1f} s")
    return Held(SLOW_HEADERS + SLOW_BODIES, troubles)


def guesses(stack: Stack) -> Held:
    """Guess at the password of one account, which nobody has."""
    form = {"username": f"attack-{token_hex(4)}", "password": "guess", "csrfmiddlewaretoken": _TOKEN}
    body = urlencode(form)
    head = (
        "POST /account/login/ HTTP/1.1", "Host: localhost", f"Cookie: csrftoken={_TOKEN}", "Connection: close",
        "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}", "", body,
    )  # fmt: skip
    told = Counter(statuses(send(stack.port, "\r\n".join(head).encode(), 40) for _ in range(GUESSES)))
    looked_at = GUESSES - told[429]
    return Held(GUESSES, [f"{looked_at} guesses were looked at: {dict(told)}"] if looked_at > LOOKED_AT else [])
