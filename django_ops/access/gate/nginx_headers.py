"""Headers that do not pass through nginx, which knows them by their full names only: each one has to be listed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_ops.access.gate.registry import Service

#: What Django is told of the client's request, beside what is about the way it came.
ASKED_WITH = (
    "Cookie", "Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Accept", "X-Requested-With", "User-Agent"
)  # fmt: skip

#: What is for the next hop only, or for us: RFC 9110, 7.6.1; RFC 7540, 3.2.1.
FOR_THIS_HOP = (
    "Authorization", "Proxy-Authorization", "Proxy-Connection", "Keep-Alive", "TE", "Trailer", "Upgrade",
    "HTTP2-Settings",
)  # fmt: skip

#: By these, programs believe a proxy who somebody is. Whatever a client sends under such a name is dropped, whether or
#: not a UI of ours reads it.
IDENTITY_HEADERS = (
    "Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups", "Remote-Group",
    "X-Remote-User", "X-Remote-Name", "X-Remote-Email", "X-Remote-Group", "X-Remote-Groups",
    "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token", "X-Forwarded-Login", "X-Forwarded-Roles",
    "X-Webauth-User", "X-Webauth-Name", "X-Webauth-Email", "X-Webauth-Login", "X-Webauth-Role", "X-Webauth-Roles",
    "X-Webauth-Group", "X-Webauth-Groups", "X-Webauth-Orgs",
    "X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Access-Token", "X-Auth-Request-Redirect",
    "X-Ops-User", "X-Ops-Email", "X-Ops-Role", "X-Ops-Authorization",
    "X-User", "X-Username", "X-Email", "X-Auth-User", "X-Authenticated-User", "X-Authentik-Username",
    "X-Authentik-Email", "X-Authentik-Groups", "X-Vouch-User", "X-Pomerium-Claim-Email",
    "X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Data",
    "X-Ms-Client-Principal", "X-Ms-Client-Principal-Name", "Cf-Access-Authenticated-User-Email",
    "Tailscale-User-Login", "Tailscale-User-Name", "Impersonate-User", "Impersonate-Group", "Ssl-Client-Cert",
    "X-Ssl-Client-Cert", "Es-Security-Runas-User", "Es-Secondary-Authorization",
)  # fmt: skip

#: What a client says of its own way here, or of the method and path that it means: the gate says so itself.
FORWARDING_HEADERS = (
    "Forwarded", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix",
    "X-Forwarded-Path", "X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl",
    "X-Forwarded-Method", "X-Forwarded-Uri", "X-Original-Host", "X-Original-Method", "X-Original-Uri",
    "X-Original-Url", "X-Original-Upgrade", "X-Original-Forwarded-For", "X-Rewrite-Url", "X-Script-Name",
    "X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Real-Ip", "X-Client-Ip",
    "X-Cluster-Client-Ip", "Cf-Connecting-Ip", "True-Client-Ip", "X-Url-Scheme", "X-Accel-Redirect",
    "X-Sendfile-Type", "X-Accel-Mapping", "Proxy", "Via",
)  # fmt: skip

#: What a UI may not tell a browser, as it would count for the whole site: other origins' access, a service worker for
#: all paths, the deletion of the site's cookies, another address of the site, a prompt for a password that would not
#: arrive.
HIDDEN_RESPONSE_HEADERS = (
    "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods", "Access-Control-Allow-Private-Network", "Access-Control-Expose-Headers",
    "Alt-Svc", "Clear-Site-Data", "Service-Worker-Allowed", "Strict-Transport-Security", "Www-Authenticate",
    "X-Ops-User", "X-Ops-Email", "X-Ops-Role", "X-Ops-Authorization",
)  # fmt: skip


def names_of_identity(services: Iterable[Service]) -> tuple[str, ...]:
    """Return every header that could tell a UI who somebody is: those of the list, and those of all services.

    In lower case, each once, in a fixed order.
    """
    names = {name.lower() for name in IDENTITY_HEADERS}
    for service in services:
        names.update(header.lower() for header in service.identity_headers.values())
    return tuple(sorted(names))
