"""Mistakes about who may speak for a client."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from django.conf import settings

from django_ops.checks.settings import is_usable
from django_ops.checks.table import mistake
from django_ops.conf import conf

_FORWARDING = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")

#: A network with fewer bits than this that is not private is a part of the internet, not somebody's.
_FEWEST_BITS = {4: 8, 6: 16}


def wide_networks(names: Iterable[str]) -> Iterator[str]:
    """Yield the networks that strangers are in: everything, or a large part of the public internet."""
    for name in names:
        if name == "unix":
            continue
        network = ipaddress.ip_network(name)
        if network.prefixlen == 0 or (network.prefixlen < _FEWEST_BITS[network.version] and not network.is_private):
            yield name


@mistake(
    "W019",
    "Forwarded headers from anybody",
    remedy="Set OPS_TRUSTED_PROXIES to the networks of your reverse proxies.",
    deploy=True,
)
def proxies_unset() -> Iterator[str]:
    """Django is told to believe a proxy. Until django-ops is told which one, each line has its address as client's."""
    if not is_usable("OPS_TRUSTED_PROXIES") or conf.OPS_TRUSTED_PROXIES:
        return
    for name in _FORWARDING:
        if getattr(settings, name, None):
            yield f"{name} is set, and OPS_TRUSTED_PROXIES is empty."


@mistake(
    "W020",
    "The internet is trusted as a proxy",
    remedy="Name the networks of your own proxies only.",
    deploy=True,
)
def internet_as_proxy() -> Iterator[str]:
    """Anybody could choose the address that is logged, and by it read the metrics."""
    if is_usable("OPS_TRUSTED_PROXIES"):
        for name in wide_networks(conf.OPS_TRUSTED_PROXIES):
            yield f"OPS_TRUSTED_PROXIES has {name}."
