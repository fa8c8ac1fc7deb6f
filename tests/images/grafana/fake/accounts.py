"""Who may come in: the administrator by password or session, and whom the proxy names if that is enabled.

Whoever the proxy names is looked up as Grafana does it: by e-mail address, then by login, without regard to case. Thus
the administrator's own account is found too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import quopri
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address, ip_network
from pathlib import Path

from fake import RefusedError
from fake.configuration import Settings

COOKIE = "grafana_session"
_DEFAULT_HEADER = "X-WEBAUTH-USER"
#: What a first start before these were kept had.
_EARLIER = {"login": "grafana", "email": "admin@localhost"}
_ROLES = frozenset({"Viewer", "Editor", "Admin"})


@dataclass(frozen=True)
class User:
    """Somebody who was let in."""

    login: str
    role: str
    is_server_administrator: bool = False


class Accounts:
    """The one account, whose password is that of the first start, and the sessions."""

    def __init__(self, settings: Settings, data: Path) -> None:
        """Raise RefusedError for a missing or a well-known password, and where `data` cannot be written."""
        self._login, self._email, self._salt, self._hash = _stored(settings, data / "fake-users.json")
        self._sessions: set[str] = set()
        self._form = not settings.flag("auth", "disable_login_form")
        self._proxy = settings.flag("auth.proxy", "enabled")
        self._header = settings.text("auth.proxy", "header_name") or _DEFAULT_HEADER
        self._proxies = [
            ip_network(item.strip(), strict=False)
            for item in settings.text("auth.proxy", "whitelist").split(",")
            if item.strip()
        ]
        self._encoded = settings.flag("auth.proxy", "headers_encoded")
        self._extra = dict(pair.split(":", 1) for pair in settings.text("auth.proxy", "headers").split() if ":" in pair)

    def user(self, headers: Mapping[str, str], peer: str) -> User | None:
        """Return who sends this request, or None."""
        if self._proxy and (named := headers.get(self._header)):
            return self._named(named, headers, peer)
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            return self._by_password(credentials)
        if self._session(headers) in self._sessions:
            return self._administrator("Admin")
        return None

    def log_in(self, login: str, password: str) -> str | None:
        """Return a new session, or None."""
        if not self._form or not self._is_right(login, password):
            return None
        session = secrets.token_hex(16)
        self._sessions.add(session)
        return session

    def _named(self, login: str, headers: Mapping[str, str], peer: str) -> User | None:
        if self._proxies and not any(ip_address(peer) in network for network in self._proxies):
            return None
        role = headers.get(self._extra.get("Role", ""), "Viewer")
        if self._encoded:
            login = quopri.decodestring(login.encode("latin-1")).decode("utf-8", "replace")
        role = role if role in _ROLES else "Viewer"
        # a username that is an address, alone or within <>, counts as one
        names = {login.lower(), parseaddr(login)[1].lower(), headers.get(self._extra.get("Email", ""), "").lower()}
        if names & {self._login.lower(), self._email.lower()}:
            return self._administrator(role)
        return User(login, role)

    def _administrator(self, role: str) -> User:
        return User(self._login, role, is_server_administrator=True)

    def _by_password(self, credentials: str) -> User | None:
        try:
            login, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            return None
        return self._administrator("Admin") if self._is_right(login, password) else None

    def _is_right(self, login: str, password: str) -> bool:
        return compare_digest(login.encode(), self._login.encode()) and compare_digest(
            _hashed(password, self._salt), self._hash
        )

    def _session(self, headers: Mapping[str, str]) -> str:
        try:
            morsel = SimpleCookie(headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return ""
        return morsel.value if morsel else ""


def _stored(settings: Settings, path: Path) -> tuple[str, str, bytes, bytes]:
    """Return login, address, salt and hash: those of the first start, as Grafana keeps them in its database."""
    password = settings.text("security", "admin_password")
    if not password:
        raise RefusedError("GF_SECURITY_ADMIN_PASSWORD__FILE must name a file with the administrator's password")
    if password == "admin":
        raise RefusedError("the administrator's password is Grafana's default, which everybody knows")
    try:
        if not path.exists():
            salt = secrets.token_bytes(16)
            first = {
                "login": settings.text("security", "admin_user") or "admin",
                "email": settings.text("security", "admin_email") or "admin@localhost",
                "salt": salt.hex(),
                "hash": _hashed(password, salt).hex(),
            }
            path.write_text(json.dumps(first), encoding="utf-8")
        stored = _EARLIER | json.loads(path.read_text(encoding="utf-8"))
        return stored["login"], stored["email"], bytes.fromhex(stored["salt"]), bytes.fromhex(stored["hash"])
    except (OSError, ValueError, KeyError) as error:
        raise RefusedError(f"{path} cannot be used: {error}") from error


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)
