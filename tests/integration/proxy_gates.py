"""The sites of the gate's own tests in proxy mode: a real uvicorn, and no nginx before it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.integration.gates import Gate, site
from tests.integration.services import HOST

#: What Django's sessions answer to a cookie of no session.
_FORGET_SESSION = re.compile(rb'set-cookie: sessionid="?"?; expires=Thu, 01 Jan 1970[^\r]*\r\n', re.IGNORECASE)


class ProxyGate(Gate):
    """A site that carries the UIs' traffic itself."""

    def send(self, request: bytes) -> bytes:
        """Send bytes as they are, and return what comes, without what Django says about sessions that are none."""
        return _FORGET_SESSION.sub(b"", super().send(request))


@contextmanager
def proxied(
    services: Mapping[str, Mapping[str, Any]], parser: str = "httptools", **variables: str
) -> Iterator[ProxyGate]:
    """Run a site in proxy mode, with websockets for all UIs."""

    def uvicorn(port: int) -> list[str]:
        return [
            sys.executable, "-m", "uvicorn", "tests.integration.gate_site.proxied:application", "--host", HOST,
            "--port", str(port), "--no-proxy-headers", "--http", parser,
        ]  # fmt: skip

    services = {name: {**entry, "websocket": True} for name, entry in services.items()}
    with site(services, server=uvicorn, TEST_GATE_MODE="proxy", **variables) as made:
        gate = ProxyGate(made.directory, made.upstreams, made.environment, made.sessions)
        gate.port = made.django_port
        yield gate
