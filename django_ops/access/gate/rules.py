"""What each key of an entry of OPS_GATE_SERVICES may be: a function that says what it must be instead, or None."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django_ops.access.gate.names import fold

ENCODINGS = ("percent", "quoted-printable")

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]")
_TOKEN = re.compile(r"[A-Za-z0-9!#%&'*+.^_`|~-]{1,128}")  # RFC 9110, 5.6.2, without $, which nginx would read
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")  # without _, which servers drop or mix up with -
_PERMISSION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z0-9_]+")
_PATH = re.compile(r"/[\x21\x25-\x3a\x3c-\x5b\x5d-\x7a\x7e]*")  # printable, without " # $ ; \ { | }
_PRINTABLE = re.compile(r"[\x20-\x7e]*")

#: Headers that mean something to servers and browsers on the way: no identity is written into them.
_TAKEN_HEADERS = frozenset(
    "accept accept-encoding authorization connection content-encoding content-length content-type cookie date expect"
    " host keep-alive origin proxy proxy-authenticate proxy-authorization proxy-connection range referer set-cookie te"
    " trailer transfer-encoding upgrade user-agent via forwarded x-forwarded-for x-forwarded-host x-forwarded-port"
    " x-forwarded-proto x-forwarded-prefix x-real-ip x-request-id x-original-uri x-original-method"
    " x-original-upgrade".split()
)


def _upstream(value: Any) -> str | None:
    expected = '"http://host:port" or "https://host:port", without a path, a query or a user'
    if not isinstance(value, str):
        return expected
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return expected
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    rest = value.removeprefix(f"{parts.scheme}://{parts.netloc}")
    is_right = parts.scheme in ("http", "https") and port != 0 and _HOST.fullmatch(host) and rest in ("", "/")
    return None if is_right else expected


def _matches(pattern: re.Pattern[str], expected: str, *, empty: bool = True) -> Callable[[Any], str | None]:
    def rule(value: Any) -> str | None:
        if isinstance(value, str) and ((empty and not value) or pattern.fullmatch(value)):
            return None
        return expected

    return rule


def _header(value: Any) -> str | None:
    if isinstance(value, str) and (not value or (_HEADER.fullmatch(value) and _is_free(value.lower()))):
        return None
    return 'a header for identities only, such as "X-WEBAUTH-USER", of letters, digits and dashes'


def _is_free(header: str) -> bool:
    return header not in _TAKEN_HEADERS and not header.startswith(("sec-", "x-ops-"))


def _title(value: Any) -> str | None:
    is_right = isinstance(value, str) and len(value) <= 80 and (not value or value.isprintable())
    return None if is_right else "a text of 80 characters at most, without control characters"


def _roles(value: Any) -> str | None:
    expected = 'a list of pairs such as ("ops_gate.change_grafana", "Editor")'
    if not isinstance(value, (list, tuple)):
        return expected
    for pair in value:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            return expected
        permission, role = pair
        if not isinstance(permission, str) or not _PERMISSION.fullmatch(permission) or not role or _role(role):
            return expected
    return None


_role = _matches(_PRINTABLE, "a word of printable ASCII")


def _cookies(value: Any) -> str | None:
    is_right = isinstance(value, (list, tuple)) and all(
        isinstance(name, str) and _TOKEN.fullmatch(name) for name in value
    )
    return None if is_right else "a list of names of cookies"


def _names(value: Any) -> str | None:
    is_right = isinstance(value, (list, tuple)) and all(isinstance(name, str) and fold(name) for name in value)
    return None if is_right else "a list of usernames and e-mail addresses"


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"


def _encoding(value: Any) -> str | None:
    return None if value in ENCODINGS else " or ".join(f'"{name}"' for name in ENCODINGS)


def _timeout(value: Any) -> str | None:
    is_right = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= 86_400
    return None if is_right else "a number of seconds above 0, one day at most"


def _bytes(value: Any) -> str | None:
    is_right = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return None if is_right else "a whole number of bytes above 0"


#: The rule of each key of an entry.
RULES: dict[str, Callable[[Any], str | None]] = {
    "upstream": _upstream,
    "title": _title,
    "permission": _matches(_PERMISSION, "of the form app_label.codename"),
    "change_permission": _matches(_PERMISSION, "of the form app_label.codename"),
    "health_path": _matches(_PATH, 'a path such as "/healthz"'),
    "user_header": _header,
    "email_header": _header,
    "role_header": _header,
    "roles": _roles,
    "default_role": _role,
    "credentials_file": lambda value: None if isinstance(value, (str, Path)) else "a path",
    "reserved_names": _names,
    "cookies": _cookies,
    "websocket": _boolean,
    "keep_prefix": _boolean,
    "encoding": _encoding,
    "timeout_seconds": _timeout,
    "max_body_bytes": _bytes,
}
