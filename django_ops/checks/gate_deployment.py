"""Mistakes that weaken the gate where it is deployed: cookies, lifetimes, the way to the UIs."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator

from django.conf import settings

from django_ops.access.gate.registry import Service
from django_ops.checks.gate import mode, registered
from django_ops.checks.proxies import wide_networks
from django_ops.checks.settings import is_usable
from django_ops.checks.table import mistake
from django_ops.conf import conf

_LONGEST_MEMORY_SECONDS = 60.0
#: More addresses than this in one network (a /24) are not those of nginx.
_MOST_ADDRESSES = 256
#: Ends of names that no public name server knows: RFC 6761, RFC 6762, RFC 8375, ICANN's .internal, and usage.
_PRIVATE_NAMES = (".internal", ".local", ".localhost", ".localdomain", ".lan", ".home.arpa", ".test", ".svc", ".intern")


@mistake(
    "W027",
    "Session cookie that opens the UIs over plain HTTP",
    remedy="Set SESSION_COOKIE_SECURE = True, and serve the site over HTTPS.",
    deploy=True,
)
def session_over_http() -> Iterator[str]:
    """Whoever listens on the way opens every UI as this user."""
    if registered() and not settings.SESSION_COOKIE_SECURE:
        yield "SESSION_COOKIE_SECURE is False, and the session opens the internal UIs."


@mistake("W028", "Session cookie that scripts can read", remedy="Set SESSION_COOKIE_HTTPONLY = True.", deploy=True)
def session_for_scripts() -> Iterator[str]:
    """The UIs are pages of the same origin: a script of theirs, or in theirs, could take the session away."""
    if registered() and not settings.SESSION_COOKIE_HTTPONLY:
        yield "SESSION_COOKIE_HTTPONLY is False, and the internal UIs share the site's origin."


@mistake(
    "W029",
    "Session cookie that other sites send along",
    remedy='Set SESSION_COOKIE_SAMESITE = "Lax" or "Strict".',
    deploy=True,
)
def session_across_sites() -> Iterator[str]:
    """Any page on the internet could make a reader's browser ask the UIs; what only reads is not refused."""
    if registered() and settings.SESSION_COOKIE_SAMESITE not in ("Lax", "Strict"):
        yield f"SESSION_COOKIE_SAMESITE is {settings.SESSION_COOKIE_SAMESITE!r}."


@mistake(
    "W030",
    "Session cookie for other hosts",
    remedy="Leave SESSION_COOKIE_DOMAIN empty, or give the UIs' site a domain of its own.",
    deploy=True,
)
def session_for_other_hosts() -> Iterator[str]:
    """Every host below this domain gets the cookie, and can open the UIs with it."""
    if registered() and settings.SESSION_COOKIE_DOMAIN:
        yield f"SESSION_COOKIE_DOMAIN is {settings.SESSION_COOKIE_DOMAIN!r}."


@mistake(
    "W031",
    "Sessions that cannot be ended",
    remedy="Use another SESSION_ENGINE, such as django.contrib.sessions.backends.cached_db.",
    deploy=True,
)
def sessions_without_end() -> Iterator[str]:
    """Signing out deletes the cookie in one browser only: a copy of it opens the UIs until it expires."""
    if registered() and settings.SESSION_ENGINE.endswith(".signed_cookies"):
        yield f"SESSION_ENGINE is {settings.SESSION_ENGINE!r}, which keeps sessions in the browser."


@mistake(
    "W032",
    "What users may open is remembered for long",
    remedy="Set OPS_GATE_CACHE_SECONDS to about 5.",
    deploy=True,
)
def long_memory() -> Iterator[str]:
    """So long a user keeps a UI, and an open websocket, after the permission is lost."""
    if registered() and is_usable("OPS_GATE_CACHE_SECONDS") and conf.OPS_GATE_CACHE_SECONDS > _LONGEST_MEMORY_SECONDS:
        yield f"OPS_GATE_CACHE_SECONDS is {conf.OPS_GATE_CACHE_SECONDS:g}."


@mistake(
    "W033",
    "The way to a UI is open",
    remedy="Reach the UI through a private network, or over https with a certificate that is looked at.",
    deploy=True,
)
def public_upstreams() -> Iterator[str]:
    """Who can listen on the way reads everything; who can reach the UI does not need the gate."""
    for service in registered().values():
        if service.scheme == "http" and _is_public(service):
            yield f"OPS_GATE_SERVICES[{service.name!r}] has the upstream {service.upstream}, which is on the internet."


@mistake(
    "W034",
    "A UI at an address of the machine's provider",
    remedy="Correct the upstream: no UI of yours is there.",
    deploy=True,
)
def link_local_upstreams() -> Iterator[str]:
    """Cloud providers answer there with the machine's own credentials."""
    for service in registered().values():
        address = _address(service)
        if address is not None and (address.is_link_local or address.is_multicast or address.is_unspecified):
            yield f"OPS_GATE_SERVICES[{service.name!r}] has the upstream {service.upstream}."


@mistake(
    "W035",
    "Pages of a whole domain may change things in the UIs",
    remedy="Name the hosts one by one in CSRF_TRUSTED_ORIGINS.",
    deploy=True,
)
def trusted_domains() -> Iterator[str]:
    """UIs such as Flower have no protection of their own: a page of any host below could stop your workers."""
    if registered():
        for origin in settings.CSRF_TRUSTED_ORIGINS:
            if "*" in origin:
                yield f"CSRF_TRUSTED_ORIGINS has {origin!r}."


@mistake(
    "W036",
    "Proxy mode without an ASGI server",
    remedy="Wrap the ASGI application with django_ops.access.gate.asgi.gate, serve it with uvicorn, and name it in"
    " ASGI_APPLICATION; or use nginx.",
    deploy=True,
)
def proxy_under_wsgi() -> Iterator[str]:
    """Under WSGI each open page of a UI would hold a thread, and there are no websockets: requests are refused."""
    if mode() == "proxy" and not getattr(settings, "ASGI_APPLICATION", None) and "uvicorn" not in sys.modules:
        yield 'OPS_GATE_MODE is "proxy", and ASGI_APPLICATION is not set.'


@mistake(
    "W037",
    "Everybody who may open a UI administers it",
    remedy="Give `roles` a permission for that role, and `default_role` one that may only read.",
    deploy=True,
)
def administrators_by_default() -> Iterator[str]:
    """The permission to look becomes the permission to change, data sources and other users included."""
    for service in registered().values():
        if "admin" in service.default_role.lower() or service.default_role.lower() in ("owner", "superuser", "root"):
            yield f"OPS_GATE_SERVICES[{service.name!r}] has the default_role {service.default_role!r}."


@mistake(
    "W040",
    "More than 256 addresses (a /24) pass for the gate's nginx",
    remedy="Give nginx an address that does not change, and name that one in OPS_TRUSTED_PROXIES.",
    deploy=True,
)
def networks_as_nginx() -> Iterator[str]:
    """Any host in it can ask the gate as nginx does; with a session it gets a UI's password, past every rule."""
    if mode() == "nginx" and is_usable("OPS_TRUSTED_PROXIES"):
        worse = set(wide_networks(conf.OPS_TRUSTED_PROXIES))  # E014
        for name in conf.OPS_TRUSTED_PROXIES:
            if name not in ("unix", *worse) and ipaddress.ip_network(name).num_addresses > _MOST_ADDRESSES:
                yield f'OPS_GATE_MODE is "nginx", and OPS_TRUSTED_PROXIES has {name}.'


def _address(service: Service) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(service.host.strip("[]"))
    except ValueError:
        return None


def _is_public(service: Service) -> bool:
    address = _address(service)
    if address is not None:
        return address.is_global
    name = service.host.lower().rstrip(".")
    return "." in name and not name.endswith(_PRIVATE_NAMES)
