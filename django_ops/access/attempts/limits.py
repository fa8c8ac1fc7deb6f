"""How many sign-ins of an account, and of an address, have failed lately: counted in Django's default cache.

An account has one count for all strangers, and one for each address that has signed in to it before: strangers' guesses
do not lock out who is known. Counts end with their window, so nobody is locked out for longer than that.
"""

from __future__ import annotations

import hashlib
import time
import unicodedata
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from django.core.cache import cache

from django_ops.conf import conf

#: For how long a failure counts, at most.
WINDOW_SECONDS = 300
#: For how long an address is known that has signed in.
KNOWN_SECONDS = 30 * 86_400


class Attempt(NamedTuple):
    """Who wants to sign in, from where; "" where that is not known."""

    account: str
    address: str

    @property
    def _known(self) -> str:
        return _key("known", *self)

    def refused_by(self) -> str:
        """Return which limit is reached: "account" or "address"; "" for neither. Raises what the cache raises."""
        account, address, known_account = self._counters()
        found = cache.get_many([account, address, known_account, self._known])
        if self.address and found.get(address, 0) >= conf.OPS_SIGN_IN_FAILURES_PER_ADDRESS:
            return "address"
        count = found.get(known_account if self._known in found else account, 0)
        return "account" if count >= conf.OPS_SIGN_IN_FAILURES_PER_ACCOUNT else ""

    def count_failure(self) -> None:
        """Count a failure. Raises what the cache raises."""
        account, address, known_account = self._counters()
        for key in (known_account if cache.get(self._known) else account, *([address] if self.address else [])):
            cache.add(key, 0, WINDOW_SECONDS)
            cache.incr(key)

    def remember(self) -> None:
        """Know the address for this account from now on. Raises what the cache raises."""
        cache.set(self._known, 1, KNOWN_SECONDS)

    def _counters(self) -> tuple[str, str, str]:
        window = str(int(time.time() // WINDOW_SECONDS))
        return _key("account", window, self.account), _key("address", window, self.address), _key("both", window, *self)


def attempt(username: object, address: str) -> Attempt:
    """Return the attempt of a username as it was typed, however it is written, from an address or its network."""
    try:
        found = ip_address(address)
        if isinstance(found, IPv6Address):
            # a subscriber has a /64 at least, and as many addresses as there are
            address = str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    except ValueError:
        address = ""
    return Attempt(unicodedata.normalize("NFKC", str(username)).casefold(), address)


def seconds_left() -> int:
    """Return when the counts begin anew."""
    return WINDOW_SECONDS - int(time.time() % WINDOW_SECONDS)


def _key(*parts: str) -> str:
    # hashed: a username may be as long as one likes, and is nobody's business in the cache
    return "django_ops.attempts." + hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
