"""Who may read what only operators should: the metrics, and the details of readiness. By default nobody."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from hmac import compare_digest

from django.http import HttpRequest

from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.guard.trust import came_directly, client_address, networks_of

logger = logging.getLogger(__name__)

#: Longer than any token is; what is longer is not even compared.
_LONGEST_HEADER = 4096


def may_read_operations(request: HttpRequest) -> bool:
    """Tell whether this request may read operational data, from its headers and its peer alone.

    It may with the bearer token of OPS_METRICS_TOKEN, or from an address within OPS_METRICS_NETWORKS. Without
    either setting nobody may. Never raises: a setting that cannot be used opens nothing.
    """
    meta: Mapping[str, str] = request.META
    return _has_token(meta) or _comes_from_network(meta)


def has_permission(request: HttpRequest) -> bool:
    """Tell whether the signed-in user of this request has OPS_METRICS_PERMISSION.

    For the view that is reached through the full stack, as it needs the session and may query the database.
    """
    permission = conf.OPS_METRICS_PERMISSION
    user = getattr(request, "user", None)
    if not permission or user is None or not hasattr(user, "has_perm"):
        return False
    return bool(user.has_perm(permission))


def _has_token(meta: Mapping[str, str]) -> bool:
    header = meta.get("HTTP_AUTHORIZATION", "")
    if not header or len(header) > _LONGEST_HEADER:
        return False
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "bearer":
        return False
    try:
        token = conf.OPS_METRICS_TOKEN
        # PEP 3333: a header holds the bytes that came over the wire, one character each
        return bool(token) and compare_digest(credentials.strip().encode("latin-1"), token.encode())
    except ImproperlyConfiguredError as error:
        logger.error("%s Access by token is denied.", error)
    except UnicodeEncodeError:
        pass
    return False


def _comes_from_network(meta: Mapping[str, str]) -> bool:
    names = conf.OPS_METRICS_NETWORKS
    if not names:
        return False
    peer = meta.get("REMOTE_ADDR", "")
    try:
        networks = networks_of(tuple(names))
        if came_directly(meta):
            return networks.contains(peer)
        # Behind a proxy on the same machine everybody has the peer 127.0.0.1. So a request that was forwarded
        # counts as its client, and only where a trusted proxy says who that is.
        proxies = networks_of(tuple(conf.OPS_TRUSTED_PROXIES))
        forwarded_for = meta.get("HTTP_X_FORWARDED_FOR", "")
        if not forwarded_for or not proxies.contains(peer):
            return False
        client = client_address(peer, forwarded_for, proxies)
        return client != "" and networks.contains(client)
    except (TypeError, ValueError) as error:
        logger.error("OPS_METRICS_NETWORKS or OPS_TRUSTED_PROXIES cannot be used: %s", error)
        return False
