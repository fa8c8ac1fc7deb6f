"""Whether the UIs answer: asked from here, all at once, and told again for some seconds."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable
from enum import StrEnum
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic

from django_ops.access.gate.registry import Service

#: How long a page waits for its UIs; one that has not answered by then is said to be slow.
DEADLINE_SECONDS = 1.0
#: For how long an answer is told again.
KEPT_SECONDS = 5.0
#: A status of this or above: it answers, and is not well.
_FIRST_FAILURE = 500


class State(StrEnum):
    """What is known of a UI."""

    UP = "up"
    DOWN = "down"  # it refuses the connection, breaks off, or answers 5xx
    SLOW = "slow"  # no answer in time


class Board:
    """The last state of each UI. Of each, one thread asks at a time, however many pages wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[Service, tuple[float, State]] = {}
        self._asking: dict[Service, threading.Event] = {}

    def states(self, services: Iterable[Service]) -> dict[str, State]:
        """Return the state of each of these UIs by name, after DEADLINE_SECONDS at most."""
        deadline = monotonic() + DEADLINE_SECONDS
        asked = [(service, self._ask(service)) for service in services]
        return {service.name: self._state(service, done, deadline) for service, done in asked}

    def _ask(self, service: Service) -> threading.Event | None:
        """Begin to ask, unless what is known is fresh; return what is set when the answer is there."""
        with self._lock:
            known = self._states.get(service)
            if known is not None and monotonic() - known[0] < KEPT_SECONDS:
                return None
            running = self._asking.get(service)
            if running is not None:
                return running
            done = self._asking[service] = threading.Event()
        threading.Thread(target=self._run, args=(service, done), name="ops-gate-health", daemon=True).start()
        return done

    def _run(self, service: Service, done: threading.Event) -> None:
        try:
            state = probe(service)
        finally:
            with self._lock:
                self._asking.pop(service, None)
        with self._lock:
            for former in [each for each in self._states if each.name == service.name]:
                del self._states[former]  # of other settings
            self._states[service] = (monotonic(), state)
        done.set()

    def _state(self, service: Service, done: threading.Event | None, deadline: float) -> State:
        if done is not None and not done.wait(max(0.0, deadline - monotonic())):
            return State.SLOW
        with self._lock:
            known = self._states.get(service)
        return State.DOWN if known is None else known[1]


board = Board()


def probe(service: Service) -> State:
    """Ask a UI for its health path. Redirects are not followed: whoever sends elsewhere answers."""
    host = service.host.strip("[]")
    connection: HTTPConnection
    if service.scheme == "https":
        # no secret is sent and no word of the answer is believed, so a certificate of one's own is good enough
        context = ssl._create_unverified_context()  # noqa: S323
        connection = HTTPSConnection(host, service.port, timeout=DEADLINE_SECONDS, context=context)
    else:
        connection = HTTPConnection(host, service.port, timeout=DEADLINE_SECONDS)
    try:
        connection.request("GET", service.health_path, headers={"User-Agent": "django-ops-gate", "Connection": "close"})
        return State.UP if connection.getresponse().status < _FIRST_FAILURE else State.DOWN
    except TimeoutError:
        return State.SLOW
    except (OSError, HTTPException, ValueError):
        return State.DOWN
    finally:
        connection.close()
