"""Which headers go on to a UI, and which of its own come back: lists in, lists out, without I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django_ops.access.gate import nginx_headers
from django_ops.access.gate.proxy_paths import public_location, public_path, public_refresh
from django_ops.access.gate.registry import Service

Headers = list[tuple[str, str]]

#: RFC 9110, 7.6.1 and older usage: these are for the next hop alone.
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer trailers"
    " transfer-encoding upgrade http2-settings".split()
)

#: Requests. What is ours to say, what opens something elsewhere, and what would change the request behind our back.
_NOT_FROM_CLIENTS = HOP_BY_HOP | frozenset(
    "authorization cookie cookie2 host content-length expect forwarded via front-end-https true-client-ip"
    " cf-connecting-ip fastly-client-ip x-real-ip x-client-ip x-cluster-client-ip x-scheme x-url-scheme x-host"
    " x-rewrite-url x-http-method x-http-method-override x-method-override x-request-id x-sendfile x-cert x-email"
    " x-groups x-roles".split()
)

#: Requests. Families of headers by which one server tells another who is there.
_IDENTITY_FAMILIES = (
    "remote-", "ssl-", "x-ops-", "x-forwarded", "x-original-", "x-remote-", "x-webauth-", "x-auth-",
    "x-authenticated-", "x-authentik-", "x-user", "x-ssl-", "x-client-cert", "x-accel-", "x-proxy-", "x-vouch-",
    "x-consumer-", "x-pomerium-", "x-token", "x-jwt-", "x-goog-authenticated-", "x-goog-iap-",
    "x-ms-client-principal", "x-amzn-oidc-", "cf-access-", "tailscale-", "proxy-", "impersonate-",
    "es-security-runas-", "es-secondary-", "sec-websocket-",
)  # fmt: skip

#: Responses. What speaks for the whole site, whose name the UI shares, or to the proxy in front of us.
_NOT_FROM_UPSTREAMS = HOP_BY_HOP | frozenset(
    "set-cookie set-cookie2 server date location content-location refresh cache-control x-request-id"
    " www-authenticate authentication-info alt-svc strict-transport-security public-key-pins"
    " public-key-pins-report-only expect-ct nel report-to reporting-endpoints clear-site-data"
    " service-worker-allowed origin-agent-cluster accept-ch surrogate-control surrogate-key cdn-cache-control p3p"
    " x-sendfile x-lighttpd-send-file".split()
)
_PROXY_FAMILIES = (
    "access-control-",
    "x-accel-",
    "x-ops-",
    "x-webauth-",
    "remote-",
    "x-remote-",
    "proxy-",
    "sec-websocket-",
)

# whatever nginx is told by name; it knows no families
_NOT_FROM_CLIENTS |= {name.lower() for name in nginx_headers.IDENTITY_HEADERS + nginx_headers.FORWARDING_HEADERS}
_NOT_FROM_UPSTREAMS |= {name.lower() for name in nginx_headers.HIDDEN_RESPONSE_HEADERS}

_NAME = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
#: RFC 6265 and what browsers let through in practice: visible ASCII, blanks within, no semicolon.
_COOKIE_VALUE = re.compile(r"[!-:<-~]*(?: +[!-:<-~]+)*")
_PATH_ATTRIBUTE = re.compile(r"/[!-:<-~]*")
_DATE_ATTRIBUTE = re.compile(r"[A-Za-z0-9,: -]{1,60}")


class Front(NamedTuple):
    """How the site is seen from outside, for one request."""

    host: str  # as in the Host header
    scheme: str  # http or https
    client_address: str  # "" when it is not known
    request_id: str  # "" when there is none


class Cookie(NamedTuple):
    """A cookie that a UI sets, as the browser may have it."""

    name: str
    value: str
    attributes: dict[str, Any]  # by the names of http.cookies.Morsel


class Answer(NamedTuple):
    """What goes back to the browser beside status and body."""

    headers: Headers
    cookies: list[Cookie]


def identity_names(services: Iterable[Service]) -> frozenset[str]:
    """Return the lower-case names of the headers by which any UI is told who is there."""
    return frozenset(name.lower() for service in services for name in service.identity_headers.values())


def request_headers(
    received: Iterable[tuple[str, str]],
    service: Service,
    front: Front,
    *,
    identity: Mapping[str, str],
    identity_names: Collection[str],
) -> Headers:
    """Return what the UI is sent: the client's own headers, without any that could pass for ours, then ours.

    `identity` has the values of the service's identity headers by their names; `identity_names` has those of all
    services, in lower case.
    """
    pairs = list(received)
    for_this_hop = _named_by_connection(pairs)
    headers: Headers = []
    for name, value in pairs:
        word = name.lower()
        # a name with "_" or "." is another name to the next server (GHSA-vjrc-mh2v-45x6)
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            continue
        if word in _NOT_FROM_CLIENTS or word in identity_names or word in for_this_hop:
            continue
        if not word.startswith(_IDENTITY_FAMILIES):
            headers.append((name, value))
    cookie = _cookie_header(pairs, service)
    if cookie:
        headers.append(("Cookie", cookie))
    headers += [("Host", front.host), ("X-Forwarded-Host", front.host), ("X-Forwarded-Proto", front.scheme)]
    if front.client_address:
        headers.append(("X-Forwarded-For", front.client_address))
    if front.request_id:
        headers.append(("X-Request-ID", front.request_id))
    if not service.keep_prefix:
        headers.append(("X-Forwarded-Prefix", service.prefix.rstrip("/")))
    return headers + list(identity.items())


def _named_by_connection(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the headers that `Connection` calls hop-by-hop; RFC 9110, 7.6.1."""
    values = [value for name, value in pairs if name.lower() == "connection"]
    return frozenset(word.strip().lower() for value in values for word in value.split(","))


def _cookie_header(pairs: Iterable[tuple[str, str]], service: Service) -> str:
    """Return the cookies that the UI may read; Django's own are none of them (the registry sees to that)."""
    if not service.cookies:
        return ""
    crumbs = []
    for header, value in pairs:
        if header.lower() != "cookie":
            continue
        for crumb in value.split(";"):
            name, equals, content = (part.strip(" \t") for part in crumb.partition("="))
            if equals and name in service.cookies and _COOKIE_VALUE.fullmatch(content):
                crumbs.append(f"{name}={content}")
    return "; ".join(crumbs)


def response_headers(
    received: Iterable[tuple[str, str]],
    service: Service,
    front: Front,
    *,
    identity_names: Collection[str],
) -> Answer:
    """Return what the browser is sent: what concerns the UI's own page, and nothing that concerns the site."""
    pairs = list(received)
    for_this_hop = _named_by_connection(pairs)
    joined: dict[str, tuple[str, str]] = {}
    cookies: list[Cookie] = []
    caching: list[str] = []
    for name, value in pairs:
        word = name.lower()
        if word == "set-cookie":
            cookies += _set_cookie(value, service, is_secure=front.scheme == "https")
        elif word == "cache-control":
            caching.append(value)
        if word in _NOT_FROM_UPSTREAMS or word in identity_names or word in for_this_hop:
            continue
        if not _NAME.fullmatch(name) or word.startswith(_PROXY_FAMILIES) or not _VALUE.fullmatch(value):
            continue
        # RFC 9110, 5.3: of any other header, several are one whose values are joined
        joined[word] = (name, f"{joined[word][1]}, {value}" if word in joined else value)
    headers = [*joined.values(), ("Cache-Control", _private(caching)), *_redirections(pairs, service, front)]
    return Answer(headers, cookies)


def _redirections(pairs: Iterable[tuple[str, str]], service: Service, front: Front) -> Iterator[tuple[str, str]]:
    rules = {"location": public_location, "content-location": public_location, "refresh": public_refresh}
    for name, value in pairs:
        rule = rules.pop(name.lower(), None)  # of several, the first
        if rule is not None and _VALUE.fullmatch(value):
            changed = rule(service, value.strip(), front.host)
            if changed is not None:
                yield name, changed


def _private(values: Iterable[str]) -> str:
    """Return a Cache-Control that keeps what one user may see out of caches that many share; RFC 9111, 5.2.2."""
    words = [word.strip() for value in values for word in value.split(",")]
    shared = ("public", "s-maxage", "proxy-revalidate")
    kept = [word for word in words if word and word.partition("=")[0].lower() not in shared and _VALUE.fullmatch(word)]
    if not {word.lower() for word in kept} & {"private", "no-store"}:
        kept.append("private")
    return ", ".join(kept)


def _set_cookie(header: str, service: Service, *, is_secure: bool) -> Iterator[Cookie]:
    """Yield the cookie that a UI sets if it may, held to the UI's own paths and to this host."""
    first, *rest = header.split(";")
    name, equals, value = (part.strip(" \t") for part in first.partition("="))
    if not equals or name not in service.cookies or not _COOKIE_VALUE.fullmatch(value):
        return
    if name.lower().startswith("__host-"):  # such a cookie is for the whole site, or it is none
        return
    attributes: dict[str, Any] = {"path": service.prefix}
    for part in rest:
        key, _, content = (piece.strip(" \t") for piece in part.partition("="))
        attributes.update(_attribute(key.lower(), content, service))
    if is_secure:
        attributes["secure"] = True
    yield Cookie(name, value, attributes)


def _attribute(key: str, content: str, service: Service) -> dict[str, Any]:
    """Return an attribute of a cookie as it may stay; `Domain` may not, or the cookie would reach other hosts."""
    if key == "path" and _PATH_ATTRIBUTE.fullmatch(content):
        return {"path": public_path(service, content)}
    if key == "max-age" and re.fullmatch(r"-?[0-9]{1,10}", content):
        return {"max-age": content}
    if key == "expires" and _DATE_ATTRIBUTE.fullmatch(content):
        return {"expires": content}
    if key == "samesite":
        return {"samesite": "Strict" if content.lower() == "strict" else "Lax"}
    if key in ("secure", "httponly"):
        return {key: True}
    return {}
