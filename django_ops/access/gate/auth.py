"""What nginx asks before it passes a request on: 204, 401 or 403, before anything else of the site runs.

nginx makes 500 of any other status, so neither Django's redirects nor its refusals may come in between: OpsMiddleware
answers here itself. What the client asked for comes in headers that nginx always sets, and from nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import DisallowedHost, ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from django_ops.access.gate import people
from django_ops.access.gate.decision import (
    REFUSAL,
    SAFE_METHODS,
    Ask,
    Decision,
    Person,
    Reason,
    decide,
    own_origins,
    refusal,
)
from django_ops.access.gate.registry import Service, services
from django_ops.access.gate.sign_in import sign_in_url
from django_ops.conf import Configuration, conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.guard.client import client_of
from django_ops.guard.trust import networks_of
from django_ops.metrics import catalog
from django_ops.metrics.lost import hand_to

logger = logging.getLogger("django_ops.access.gate")

#: What follows the name of a service in the path that a browser is sent to sign in from.
SIGN_IN = "sign-in"


def answer(request: HttpRequest) -> HttpResponse:
    """Answer a request under OPS_GATE_AUTH_PATH. Never raises, never redirects but to sign in."""
    service, action = _service_and_action(request.path_info)
    if service is None:
        return _empty(404)
    if action == SIGN_IN:
        return _sign_in(request, service)
    decision = judge(request, service)
    if decision.status == 403 and decision.reason is not Reason.UNTRUSTED_PEER:
        return _empty(403, {REFUSAL: refusal(decision.reason)})
    return _empty(decision.status, decision.headers)


#: The same under ASGI: sessions and users are read where Django's own ORM is.
aanswer = sync_to_async(answer, thread_sensitive=True)


def _service_and_action(path: str) -> tuple[Service | None, str]:
    prefix = Configuration.OPS_GATE_AUTH_PATH.usable()  # as the middleware reads it
    name, _, action = path[len(prefix) :].partition("/")
    if conf.OPS_GATE_MODE != "nginx" or not path.startswith(prefix) or action not in ("", SIGN_IN):
        return None, ""
    try:
        return services().get(name), action
    except ImproperlyConfiguredError as error:
        logger.error("%s Access denied.", error)
        return None, ""


def judge(request: HttpRequest, service: Service) -> Decision:
    """Decide about what nginx asks for, log a refusal, and count. Never raises."""
    person: Person | None = None
    if not came_from_nginx(request):
        decision = Decision(403, Reason.UNTRUSTED_PEER)
    else:
        try:
            person = people.find(request.COOKIES, service)
            ask = ask_of(request)
            # nginx could not end an open websocket when its user signs out
            known = replace(service, websocket=False) if ask.is_websocket else service
            decision = decide(known, person, ask)
        except Exception:
            logger.exception("The gate to %s stays shut, as sessions or users cannot be read.", service.name)
            decision = Decision(403, Reason.UNAVAILABLE)
    note(request, service, person, decision)
    return decision


def note(request: HttpRequest, service: Service, person: Person | None, decision: Decision) -> None:
    """Count a decision, and log it if it is a refusal of somebody."""
    hand_to("metrics", catalog.GATE_DECISIONS.inc, service.name, decision.reason.value)
    if decision.status == 403:
        logger.warning(
            "The gate to %s is shut: %s.",
            service.name,
            decision.reason.value,
            extra={
                "gate_service": service.name,
                "gate_reason": decision.reason.value,
                "gate_user": person.key if person is not None else "",
                "gate_client": client_of(request.META),
            },
        )


def came_from_nginx(request: HttpRequest) -> bool:
    """Tell whether the peer is in OPS_TRUSTED_PROXIES: only then its X-Original-* headers are nginx's words."""
    try:
        return networks_of(tuple(conf.OPS_TRUSTED_PROXIES)).contains(request.META.get("REMOTE_ADDR", ""))
    except (TypeError, ValueError) as error:
        logger.error("OPS_TRUSTED_PROXIES cannot be used: %s", error)
        return False


def ask_of(request: HttpRequest) -> Ask:
    """Return what the client asks for, in nginx's words. A method that is missing is none that is safe."""
    meta: Mapping[str, Any] = request.META
    host = known_host(request)
    method = meta.get("HTTP_X_ORIGINAL_METHOD", "")
    is_websocket = "websocket" in meta.get("HTTP_X_ORIGINAL_UPGRADE", "").lower()
    only_reads = method in SAFE_METHODS and not is_websocket  # then nobody looks at the origins
    return Ask(
        method=method,
        origin=meta.get("HTTP_ORIGIN", ""),
        sec_fetch_site=meta.get("HTTP_SEC_FETCH_SITE", ""),
        referer=meta.get("HTTP_REFERER", ""),
        is_websocket=is_websocket,
        own_origins=() if only_reads else own_origins(_scheme(request), host, settings.CSRF_TRUSTED_ORIGINS),
        host_is_known=host != "",
    )


def known_host(request: HttpRequest) -> str:
    """Return the host and port that the client named, as `request.get_host` does; "" for one not in ALLOWED_HOSTS."""
    try:
        return request.get_host()
    except (DisallowedHost, ImproperlyConfigured):  # the latter from a SECURE_PROXY_SSL_HEADER that is no pair
        return ""


def _scheme(request: HttpRequest) -> str:
    try:
        return str(request.scheme)
    except ImproperlyConfigured:
        return "http"


def _sign_in(request: HttpRequest, service: Service) -> HttpResponse:
    url = sign_in_url(request.META, service, believes=came_from_nginx(request))
    return _empty(401) if url is None else _empty(302, {"Location": url})


def _empty(status: int, headers: Mapping[str, str] | None = None) -> HttpResponse:
    response = HttpResponse(
        b"", "text/plain", status, headers={**(headers or {}), "Cache-Control": "no-store", "Content-Length": "0"}
    )
    if status == 204:
        del response.headers["Content-Length"]  # RFC 9110, 8.6
        del response.headers["Content-Type"]
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
