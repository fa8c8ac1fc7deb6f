"""Who asks the proxy for what, and whether they may: the same rules as for nginx, from the request itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple
from urllib.parse import quote

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest

from django_ops.access.gate import people
from django_ops.access.gate.auth import known_host, note
from django_ops.access.gate.decision import Ask, Decision, Person, Reason, decide, own_origins
from django_ops.access.gate.proxy_headers import Front
from django_ops.access.gate.proxy_watch import watched
from django_ops.access.gate.registry import Service
from django_ops.conf import conf
from django_ops.guard.trust import client_address, networks_of

logger = logging.getLogger("django_ops.access.gate")


#: Nobody is asked for more often than this, even where nothing is to be remembered.
_SHORTEST_SECONDS = 1.0


class Entry(NamedTuple):
    """What was decided about a request, and about whom."""

    request: ASGIRequest
    service: Service
    person: Person | None
    decision: Decision

    @property
    def identity(self) -> dict[str, str]:
        """What the UI is told of the person, by the names of its own headers."""
        return {
            theirs: self.decision.headers[ours]
            for ours, theirs in self.service.identity_headers.items()
            if ours in self.decision.headers
        }

    @property
    def key(self) -> tuple[object, ...]:
        """What stands for the question whether this person may stay."""
        return self.request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), self.service, self.person

    async def may_stay(self) -> bool:
        """Look the person up again: the same facts give the same decision, and other ones would be told to the UI."""
        return await people.afind_again(self.request.COOKIES, self.service) == self.person


async def admit(request: ASGIRequest, service: Service, *, is_websocket: bool = False) -> Entry:
    """Decide about a request, log a refusal, and count. Never raises."""
    person: Person | None = None
    try:
        person = await _person(request, service, is_websocket=is_websocket)
        decision = decide(service, person, _ask_of(request, is_websocket=is_websocket))
    except Exception:
        logger.exception("The gate to %s stays shut, as sessions or users cannot be read.", service.name)
        decision = Decision(403, Reason.UNAVAILABLE)
    note(request, service, person, decision)
    return Entry(request, service, person, decision)


async def _person(request: ASGIRequest, service: Service, *, is_websocket: bool) -> Person | None:
    if not is_websocket:
        return await people.afind(request.COOKIES, service)
    # a thread of its own, as Django gives each request: many handshakes must not keep those waiting who are asked again
    async with ThreadSensitiveContext():
        return await people.afind_again(request.COOKIES, service)


def watch(entry: Entry, end: Callable[[], None]) -> AbstractContextManager[None]:
    """Call `end` within OPS_GATE_CACHE_SECONDS after the person could not open the service any more."""
    return watched(entry.key, entry.may_stay, end, max(conf.OPS_GATE_CACHE_SECONDS, _SHORTEST_SECONDS))


def _ask_of(request: ASGIRequest, *, is_websocket: bool) -> Ask:
    meta = request.META
    host = known_host(request)
    return Ask(
        method=request.method or "",
        origin=meta.get("HTTP_ORIGIN", ""),
        sec_fetch_site=meta.get("HTTP_SEC_FETCH_SITE", ""),
        referer=meta.get("HTTP_REFERER", ""),
        is_websocket=is_websocket,
        own_origins=own_origins(str(request.scheme), host, settings.CSRF_TRUSTED_ORIGINS),
        host_is_known=host != "",
    )


def front_of(request: ASGIRequest) -> Front:
    """Return how the site is seen from outside. Only for a request that was let in: its host is known."""
    meta = request.META
    proxies = networks_of(tuple(conf.OPS_TRUSTED_PROXIES))
    client = client_address(meta.get("REMOTE_ADDR", ""), meta.get("HTTP_X_FORWARDED_FOR", ""), proxies)
    context = getattr(request, "ops", None)
    return Front(request.get_host(), str(request.scheme), client, context.request_id if context is not None else "")


def headers_of(request: ASGIRequest) -> list[tuple[str, str]]:
    """Return the request's headers as they came, one character per byte."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.scope["headers"]]


def raw_path_of(request: ASGIRequest) -> str:
    """Return the path as the client sent it; where the server does not tell, as it would be encoded."""
    raw: bytes | None = request.scope.get("raw_path")
    if raw is None:
        return quote(request.scope["path"])
    return raw.partition(b"?")[0].decode("latin-1")


def raw_query_of(request: ASGIRequest) -> str:
    """Return the query as the client sent it."""
    query: bytes = request.scope.get("query_string", b"")
    return query.decode("latin-1")
