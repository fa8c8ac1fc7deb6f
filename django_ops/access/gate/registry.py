"""The UIs behind the gate: OPS_GATE_SERVICES, parsed once and held against what a UI may be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from django_ops.access.gate.decision import AUTHORIZATION, EMAIL, ROLE, USER
from django_ops.access.gate.rules import RULES
from django_ops.conf import Configuration, conf
from django_ops.exceptions import ImproperlyConfiguredError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Service:
    """One UI behind the gate. All but `name` are keys of its entry in OPS_GATE_SERVICES; only `upstream` must be."""

    #: The word in the public path and in metrics: lower-case letters, digits and dashes, 32 at most.
    name: str
    #: Where the UI listens: "http(s)://host:port", without a path.
    upstream: str
    #: How people call it; by default the name, capitalised.
    title: str = ""
    #: Whoever has it may open the UI; by default `ops_gate.view_<name>`, with _ for -.
    permission: str = ""
    #: Whoever lacks it may only read: by GET, HEAD and OPTIONS, without a websocket; "": all may change things.
    change_permission: str = ""
    #: The path of the UI itself that answers below 500 while it is well; by default the one it is reached at.
    health_path: str = ""
    #: The header that tells the UI who is there, such as "X-WEBAUTH-USER"; "": none is sent.
    user_header: str = ""
    #: The header with the e-mail address of the user; "": none is sent.
    email_header: str = ""
    #: The header with the role of the user; "": none is sent.
    role_header: str = ""
    #: Pairs of a permission and the role that it gives: the first that the user has counts.
    roles: tuple[tuple[str, str], ...] = ()
    #: The role of those with none of these permissions; "": no role is sent.
    default_role: str = ""
    #: Names of the UI's own accounts, usernames and e-mail addresses: whoever has one may not open it.
    reserved_names: tuple[str, ...] = ()
    #: A file with `user:password`, if the UI has one password for all: the gate sends it as HTTP Basic; "": none.
    credentials_file: str = ""
    #: Names of the cookies that the UI may set and read: all others are kept from it, both ways.
    cookies: tuple[str, ...] = ()
    #: Whether the UI may be asked for websockets: in proxy mode only, as nginx cannot end an open one.
    websocket: bool = False
    #: Whether the UI sees the public path; False: it sees what follows the prefix.
    keep_prefix: bool = True
    #: How values that are not plain ASCII go into headers: "percent", or "quoted-printable" as Grafana reads it.
    encoding: str = "percent"
    #: For how long the UI may be silent before it is given up.
    timeout_seconds: float = 60.0
    #: The largest request body that is passed on.
    max_body_bytes: int = 10 * 1024 * 1024
    #: The public path, with slashes at both ends. Made from OPS_GATE_PREFIX and the name.
    prefix: str = ""

    @property
    def origin(self) -> str:
        """The upstream's `scheme://host:port`, with the port even where it is the scheme's own."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return urlsplit(self.upstream).scheme

    @property
    def host(self) -> str:
        """The upstream's host name or address; an IPv6 address in brackets."""
        netloc = urlsplit(self.upstream).netloc
        return netloc[: netloc.index("]") + 1] if netloc.startswith("[") else netloc.partition(":")[0]

    @property
    def port(self) -> int:
        """The upstream's port."""
        return urlsplit(self.upstream).port or (443 if self.scheme == "https" else 80)

    @property
    def identity_headers(self) -> Mapping[str, str]:
        """Which header of the UI each of our X-Ops-* headers becomes; without those that the UI is not sent."""
        pairs = (
            (USER, self.user_header),
            (EMAIL, self.email_header),
            (ROLE, self.role_header),
            (AUTHORIZATION, "Authorization" if self.credentials_file else ""),
        )
        return {ours: theirs for ours, theirs in pairs if theirs}

    @property
    def named_permissions(self) -> tuple[tuple[str, str], ...]:
        """Pairs of a permission and what people call it."""
        changes = [(self.change_permission, f"Can change things in {self.title}")] if self.change_permission else []
        roles = ((permission, f"Is {role} in {self.title}") for permission, role in self.roles)
        return ((self.permission, f"Can open {self.title}"), *changes, *roles)

    def upstream_path(self, path: str) -> str:
        """Return what the UI is asked for at the public `path`. Raises ValueError for one outside of the prefix."""
        if not path.startswith(self.prefix):
            raise ValueError(f"{path!r:.200} is not under {self.prefix}")
        return path if self.keep_prefix else path[len(self.prefix) - 1 :]


_KEYS = tuple(field.name for field in fields(Service) if field.name not in ("name", "prefix"))
_DEFAULTS = {field.name: field.default for field in fields(Service) if field.default is not MISSING}
_parsed: tuple[object, str, Mapping[str, Service]] | None = None


def services() -> Mapping[str, Service]:
    """Return the UIs by name, in the order of the setting; the same object as long as the settings are the same.

    Raises ImproperlyConfiguredError, which names the entry, the key and the remedy.
    """
    global _parsed
    raw, prefix = conf.OPS_GATE_SERVICES, conf.OPS_GATE_PREFIX
    known = _parsed
    if known is not None and known[0] is raw and known[1] == prefix:
        return known[2]
    found = MappingProxyType(parse(raw, prefix))
    _parsed = (raw, prefix, found)
    return found


def parse(raw: object, prefix: str) -> dict[str, Service]:
    """Parse a value of OPS_GATE_SERVICES. Raises ImproperlyConfiguredError."""
    for setting, value in ((Configuration.OPS_GATE_SERVICES, raw), (Configuration.OPS_GATE_PREFIX, prefix)):
        problem = setting.problem(value)
        if problem is not None:
            raise ImproperlyConfiguredError(f"{setting.name} {problem}.")
    assert isinstance(raw, dict)  # noqa: S101 - the kind of the setting has just said so
    return {name: _service(name, entry, prefix) for name, entry in raw.items()}


def _service(name: str, entry: Mapping[str, Any], prefix: str) -> Service:
    where = f"OPS_GATE_SERVICES[{name!r}]"
    if not _NAME.fullmatch(name):
        raise ImproperlyConfiguredError(
            f"OPS_GATE_SERVICES has the name {name!r:.80}: begin with a lower-case letter, and use only those, digits"
            " and dashes, 32 at most."
        )
    for key in entry:
        if key not in _KEYS:
            (nearest,) = difflib.get_close_matches(str(key), _KEYS, n=1, cutoff=0.0)
            raise ImproperlyConfiguredError(f"{where} has the unknown key {key!r:.80}; the nearest one is {nearest!r}.")
    if "upstream" not in entry:
        raise ImproperlyConfiguredError(f'{where} has no "upstream", such as "http://{name}:8080".')
    values = {key: entry.get(key, _DEFAULTS.get(key)) for key in _KEYS}
    for key, value in values.items():
        problem = RULES[key](value)
        if problem is not None:
            raise ImproperlyConfiguredError(f"{where}[{key!r}] must be {problem}, not {value!r:.200}.")
    service = Service(
        **{
            **values,
            "name": name,
            "prefix": f"{prefix}{name}/",
            "upstream": values["upstream"].rstrip("/"),
            "title": values["title"] or name.replace("-", " ").capitalize(),
            "permission": values["permission"] or default_permission(name),
            "roles": tuple((permission, role) for permission, role in values["roles"]),
            "credentials_file": str(values["credentials_file"]),
            "cookies": tuple(values["cookies"]),
            "reserved_names": tuple(values["reserved_names"]),
            "timeout_seconds": float(values["timeout_seconds"]),
        }
    )
    return _with_sense(service, where)


def default_permission(name: str) -> str:
    """Return the permission that opens a UI whose entry names none."""
    return f"ops_gate.view_{name.replace('-', '_')}"


def _with_sense(service: Service, where: str) -> Service:
    """Return the service unless its parts contradict each other or the site's settings."""
    names = [header.lower() for header in service.identity_headers.values()]
    if len(set(names)) < len(names):
        raise ImproperlyConfiguredError(f"{where} writes two facts into one header: {', '.join(names)}.")
    if (service.roles or service.default_role) and not service.role_header:
        raise ImproperlyConfiguredError(f'{where} has roles, and no "role_header" that tells the UI of them.')
    own = {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}
    for cookie in service.cookies:
        if cookie in own:
            raise ImproperlyConfiguredError(
                f"{where}['cookies'] has {cookie!r}, which is Django's own: with it the UI could act as its users."
            )
    if not service.health_path:
        return _replaced(service, health_path=service.upstream_path(service.prefix))
    return service


def _replaced(service: Service, **changes: Any) -> Service:
    return Service(**{field.name: getattr(service, field.name) for field in fields(Service)} | changes)
