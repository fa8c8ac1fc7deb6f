"""Who may come in: the administrator by password or session, and whom the proxy names if that is enabled."""

from __future__ import annotations

import base64
import hashlib
import json
import quopri
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address, ip_network
from pathlib import Path

from fake import RefusedError
from fake.configuration import Settings

COOKIE = "grafana_session"
_DEFAULT_HEADER = "X-WEBAUTH-USER"
_ROLES = frozenset({"Viewer", "Editor", "Admin"})


@dataclass(frozen=True)
class User:
    """Somebody who was let in."""

    login: str
    role: str


class Accounts:
    """The one account, whose password is that of the first start, and the sessions."""

    def __init__(self, settings: Settings, data: Path) -> None:
        """Raise RefusedError for a missing or a well-known password, and where `data` cannot be written."""
        self._login = settings.text("security", "admin_user") or "admin"
        self._salt, self._hash = _stored(settings.text("security", "admin_password"), data / "fake-users.json")
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
            return User(self._login, "Admin")
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
        return User(login, role if role in _ROLES else "Viewer")

    def _by_password(self, credentials: str) -> User | None:
        try:
            login, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            return None
        return User(self._login, "Admin") if self._is_right(login, password) else None

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


def _stored(password: str, path: Path) -> tuple[bytes, bytes]:
    """Return salt and hash: those of the first start, as Grafana keeps the first password in its database."""
    if not password:
        raise RefusedError("GF_SECURITY_ADMIN_PASSWORD__FILE must name a file with the administrator's password")
    if password == "admin":
        raise RefusedError("the administrator's password is Grafana's default, which everybody knows")
    try:
        if not path.exists():
            salt = secrets.token_bytes(16)
            path.write_text(json.dumps({"salt": salt.hex(), "hash": _hashed(password, salt).hex()}), encoding="utf-8")
        stored = json.loads(path.read_text(encoding="utf-8"))
        return bytes.fromhex(stored["salt"]), bytes.fromhex(stored["hash"])
    except (OSError, ValueError, KeyError) as error:
        raise RefusedError(f"{path} cannot be used: {error}") from error


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)
