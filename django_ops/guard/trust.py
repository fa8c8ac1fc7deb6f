"""Which peer may speak for a client: the trusted proxies, and the client's address as they tell it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache

from django_ops.remembered import Remembered

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Any of these says that a proxy stood in between, whether or not we trust it.
FORWARDING_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_FORWARDED",
    "HTTP_FORWARDED",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_VIA",
)


class Networks:
    """A set of networks, and "unix" for a peer without an address (a Unix socket).

    Raises ValueError for a name that is neither.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        names = list(networks)
        self.unix = "unix" in names
        self.networks: tuple[Network, ...] = tuple(ipaddress.ip_network(name) for name in names if name != "unix")
        # per instance: peers are few (the proxies) or hostile (then the bound matters)
        self.contains = Remembered(self._contains).__getitem__

    def __bool__(self) -> bool:
        return self.unix or bool(self.networks)

    def _contains(self, address: str) -> bool:
        """Tell whether `address` is one of ours; an empty one stands for a Unix socket."""
        if not address:
            return self.unix
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self.networks)


@lru_cache(maxsize=16)
def networks_of(names: tuple[str, ...]) -> Networks:
    """Return the set of networks with these names: always the same object for the same names."""
    return Networks(names)


def parse_address(text: str) -> Address | None:
    """Parse an address as it stands in `X-Forwarded-For`, with or without port or brackets; None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # ::ffff:10.0.0.1 is 10.0.0.1 that came through a dual-stack socket
    return getattr(address, "ipv4_mapped", None) or address


def client_address(peer: str, forwarded_for: str, proxies: Networks) -> str:
    """Return the client's address: the right-most one in the chain that is not a trusted proxy.

    Only what a trusted proxy wrote is believed, so a client cannot choose its own address by sending the
    header itself (django-axes#132, #224). "" when it is not known: a trusted proxy named something that is no
    address ("unknown", "unix:"), and its own address would be a wrong answer.
    """
    return forwarded_address(forwarded_for, proxies) if forwarded_for and proxies.contains(peer) else peer


def forwarded_address(forwarded_for: str, proxies: Networks) -> str:
    """Return the client's address as the X-Forwarded-For of a trusted proxy tells it, see `client_address`."""
    hop = ""
    # as many entries as anyone needs; a longer header is an attack on us
    for entry in reversed(forwarded_for[-4096:].split(",")[-64:]):
        address = parse_address(entry)
        if address is None:
            return ""
        hop = str(address)
        if not proxies.contains(hop):
            return hop
    return hop


def came_directly(meta: Mapping[str, str]) -> bool:
    """Tell whether nothing in the headers says that the request was forwarded."""
    return not any(header in meta for header in FORWARDING_HEADERS)
