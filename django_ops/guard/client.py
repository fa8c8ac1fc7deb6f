"""Who asks: the address of a request's client, as far as OPS_TRUSTED_PROXIES lets a header say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django_ops.conf import conf
from django_ops.guard.trust import client_address, networks_of


def client_of(meta: Mapping[str, Any]) -> str:
    """Return the client's address by the request's `META`, "" where it is not known. Never raises.

    Where the setting cannot be used, nobody is believed, and it is the peer's.
    """
    peer = meta.get("REMOTE_ADDR", "")
    try:
        proxies = networks_of(tuple(conf.OPS_TRUSTED_PROXIES))
    except (TypeError, ValueError):
        return str(peer)
    return client_address(peer, meta.get("HTTP_X_FORWARDED_FOR", ""), proxies)
