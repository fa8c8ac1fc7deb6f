"""Whether a request may pass the gate, and what the UI behind it is told: no I/O, no Django."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django_ops.access.gate.names import is_reserved

if TYPE_CHECKING:
    from django_ops.access.gate.registry import Service

#: What our answers call the three facts about a person, and what opens the UI itself where it has a password.
USER, EMAIL, ROLE, AUTHORIZATION = "X-Ops-User", "X-Ops-Email", "X-Ops-Role", "X-Ops-Authorization"
#: And the sentence for a person who is refused.
REFUSAL = "X-Ops-Refusal"

#: Methods that change nothing, by RFC 9110, 9.2.1, but for TRACE, which shows a page its own cookies. Methods are
#: case-sensitive: `get` is another one, which nobody knows.
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

_OWN_SITES = ("same-origin", "none")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_FIRST_VISIBLE, _LAST_VISIBLE = 0x21, 0x7E
_LONGEST_VALUE = 1024  # bytes; nginx takes the headers of an answer into a buffer of 4 KiB


class Reason(StrEnum):
    """Why a request passes or does not: the label `decision` of the metric."""

    ALLOWED = "allowed"
    ANONYMOUS = "anonymous"  # nobody is signed in
    NO_PERMISSION = "no-permission"
    FOREIGN_HOST = "foreign-host"  # a Host that ALLOWED_HOSTS does not have
    FOREIGN_ORIGIN = "foreign-origin"  # another site's page asks for a change or a websocket
    NO_ORIGIN = "no-origin"  # nothing says which page asks for a change or a websocket
    NO_WEBSOCKETS = "no-websockets"  # the service has none
    RESERVED_NAME = "reserved-name"  # the user's name or address is that of an account of the UI itself
    UNUSABLE_IDENTITY = "unusable-identity"  # the user has no name that can be told to the UI
    UNTRUSTED_PEER = "untrusted-peer"  # whoever asks us is not in OPS_TRUSTED_PROXIES
    UNAVAILABLE = "unavailable"  # sessions or users cannot be read


@dataclass(frozen=True)
class Ask:
    """What a client asks for, as far as it matters. A header that is missing is ""."""

    method: str
    origin: str = ""
    sec_fetch_site: str = ""
    referer: str = ""
    is_websocket: bool = False
    #: The site's own origins, as `own_origins` makes them.
    own_origins: tuple[str, ...] = ()
    #: Whether the Host is one of ALLOWED_HOSTS.
    host_is_known: bool = True


@dataclass(frozen=True)
class Person:
    """A signed-in user, and what they may do with one service."""

    key: str  # the primary key, for the log
    username: str
    email: str
    may_open: bool
    role: str
    authorization: str = ""  # what the UI's own password makes of it; not the person's
    may_change: bool = True


@dataclass(frozen=True)
class Decision:
    """What becomes of a request: 204 it passes, 401 nobody is signed in, 403 it is refused."""

    status: int
    reason: Reason
    #: X-Ops-User, X-Ops-Email and X-Ops-Role, encoded, and X-Ops-Authorization: those that the service asks for and
    #: that are not empty.
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_allowed(self) -> bool:
        """Whether the request passes."""
        return self.status == 204


def decide(service: Service, person: Person | None, ask: Ask) -> Decision:
    """Decide about a request for `service` by `person`, None when nobody is signed in."""
    if person is None:
        return Decision(401, Reason.ANONYMOUS)
    reason = _refusal(service, person, ask)
    if reason is not None:
        return Decision(403, reason)
    headers = _identity(service, person)
    if headers is None:
        return Decision(403, Reason.UNUSABLE_IDENTITY)
    return Decision(204, Reason.ALLOWED, headers)


#: What a person can do about it is said to them; of all else, that access is denied.
_SENTENCES = {
    Reason.NO_PERMISSION: "You may not open this. Ask an administrator for its permission.",
    Reason.RESERVED_NAME: (
        "You may not open this under your username or e-mail address, as the application behind this page has an"
        " account of its own with that name. Ask an administrator for another one."
    ),
}


def refusal(reason: Reason) -> str:
    """Return the sentence that tells a person why they are refused: printable ASCII, without quotes."""
    return _SENTENCES.get(reason, f"Access denied: {reason.value}.")


def _refusal(service: Service, person: Person, ask: Ask) -> Reason | None:
    if not person.may_open:
        return Reason.NO_PERMISSION
    if not ask.host_is_known:
        return Reason.FOREIGN_HOST
    if _is_reserved(service, person):
        return Reason.RESERVED_NAME
    if ask.is_websocket and not service.websocket:
        return Reason.NO_WEBSOCKETS
    if ask.is_websocket or ask.method not in SAFE_METHODS:
        return _foreignness(ask) if person.may_change else Reason.NO_PERMISSION
    return None


def _is_reserved(service: Service, person: Person) -> bool:
    told = (service.user_header and person.username, service.email_header and person.email)
    return any(is_reserved(value, service.reserved_names) for value in told)


def _foreignness(ask: Ask) -> Reason | None:
    """Say why the page that asks is not one of the site's own; None when it is.

    The order is Sec-Fetch-Site, Origin, Referer: browsers do not let a page write any of them, the first one does not
    depend on what we take for our own name, and the last one may be left out by the page.
    """
    if ask.sec_fetch_site:
        return None if ask.sec_fetch_site in _OWN_SITES else Reason.FOREIGN_ORIGIN
    if ask.origin:
        return None if _is_own(ask.origin, ask.own_origins) else Reason.FOREIGN_ORIGIN
    if ask.referer:
        return None if _is_own(ask.referer, ask.own_origins) else Reason.FOREIGN_ORIGIN
    return Reason.NO_ORIGIN


def own_origins(scheme: str, host: str, trusted: Iterable[str]) -> tuple[str, ...]:
    """Return the site's origins: of this request ("" for an unknown host), and those of CSRF_TRUSTED_ORIGINS.

    A trusted one may have a wildcard, as in "https://*.example.com", which stands for example.com as well, as it does
    in Django.
    """
    own = origin_of(f"{scheme}://{host}") if host else None
    return (*([own] if own else []), *(origin for origin in map(_trusted_origin, trusted) if origin))


def origin_of(url: str) -> str | None:
    """Return `scheme://host[:port]` of a URL, in lower case and without the scheme's own port; None for no URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc or "*" in host:
        return None
    host = f"[{host}]" if ":" in host else host
    is_default = port is None or str(port) == _DEFAULT_PORTS[scheme]
    return f"{scheme}://{host}" if is_default else f"{scheme}://{host}:{port}"


def _trusted_origin(text: str) -> str | None:
    scheme, separator, host = text.lower().partition("://")
    if host.startswith("*.") and separator:
        without_wildcard = origin_of(f"{scheme}://{host[2:]}")
        return without_wildcard and without_wildcard.replace("://", "://*.", 1)
    return origin_of(text)


def _is_own(url: str, own: tuple[str, ...]) -> bool:
    origin = origin_of(url)  # None for "null", which sandboxed frames and some redirects send
    if origin is None:
        return False
    if origin in own:
        return True
    scheme, _, host = origin.partition("://")
    for pattern in own:
        wanted_scheme, _, wanted_host = pattern.partition("://")
        if wanted_host.startswith("*.") and scheme == wanted_scheme and f".{host}".endswith(wanted_host[1:]):
            return True
    return False


def _identity(service: Service, person: Person) -> Mapping[str, str] | None:
    """Return what the UI is told of the person; None where it cannot be told, and the UI would take them for nobody."""
    encoding = service.encoding
    values = {
        USER: encode(person.username, encoding),
        EMAIL: encode(person.email, encoding),
        ROLE: encode(person.role, encoding),
        AUTHORIZATION: person.authorization,
    }
    headers = {ours: values[ours] for ours in service.identity_headers}
    if any(len(value) > _LONGEST_VALUE for value in headers.values()) or not headers.get(USER, "-"):
        return None
    return MappingProxyType({name: value for name, value in headers.items() if value})


def encode(value: str, encoding: str) -> str:
    """Return `value` as printable ASCII, so that no two values are the same.

    A value of printable ASCII stays as it is, unless it has the encoding's own sign (% or =), or a space at an end,
    which would be cut off on the way.
    """
    sign = "%" if encoding == "percent" else "="
    if value.isascii() and value.isprintable() and sign not in value and value == value.strip():
        return value
    data = value.encode("utf-8", "surrogatepass")
    return "".join(
        chr(byte) if _FIRST_VISIBLE <= byte <= _LAST_VISIBLE and byte != ord(sign) else f"{sign}{byte:02X}"
        for byte in data
    )
