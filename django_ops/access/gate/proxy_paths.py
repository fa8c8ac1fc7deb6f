"""Which path a UI is asked for, and where its redirects lead: the two directions of one mapping, without I/O."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit

from django_ops.access.gate.paths import is_plain
from django_ops.access.gate.registry import Service

#: What a path or a query may consist of on the wire: visible ASCII. Browsers encode all else (RFC 3986, 2.1).
_VISIBLE = re.compile(r"[!-~]*")

#: How often a path may be percent-encoded. Servers decode once, some of them twice.
_MOST_ENCODINGS = 4

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_SECONDS = r"\s*(?P<seconds>[0-9.]{1,10})\s*"
_REFRESH = re.compile(_SECONDS + r"""[;,]\s*url\s*=\s*(?P<quote>['"]?)(?P<url>.*)(?P=quote)\s*""", re.IGNORECASE)


class UnsafePathError(ValueError):
    """The path or the query of a request is none that may be sent on; the message says why."""


def upstream_target(service: Service, path: str, query: str) -> str:
    """Return the path and the query that the UI is asked for, as they stand in a request line.

    `path` is what the client sent, undecoded: nothing is normalised, so that the UI sees what was looked at
    here. Raises UnsafePathError for a path that one server would read as inside of the UI, and another one as
    outside of it.
    """
    if not path.startswith(service.prefix):
        raise UnsafePathError("it is outside of the prefix")
    rest = path[len(service.prefix) :]
    if not _VISIBLE.fullmatch(rest) or not _VISIBLE.fullmatch(query):
        raise UnsafePathError("it has characters that must be encoded")
    target = f"{path}?{query}" if query else path
    if "?" in rest or not is_plain(service, target):
        raise UnsafePathError("servers do not agree on what it means")
    _refuse_detours(rest)
    target = service.upstream_path(path)
    return f"{target}?{query}" if query else target


def _refuse_detours(rest: str) -> None:
    """Refuse what leads out of the prefix, at each of the levels at which a server may decode it.

    The rule that nginx has too knows a character that was encoded several times, and not one of whose code a digit was
    encoded: %2%65 is a dot to whoever decodes twice.
    """
    decoded = rest.encode("ascii")
    for _ in range(_MOST_ENCODINGS + 1):
        if _CONTROL.search(decoded):
            raise UnsafePathError("it has an encoded control character")
        slashed = decoded.replace(b"\\", b"/")
        if slashed.startswith(b"/"):
            raise UnsafePathError("it begins with two slashes")  # //host is another host to many
        # `..;` is `..` to servers that know parameters of segments
        if any(segment.partition(b";")[0] in (b".", b"..") for segment in slashed.split(b"/")):
            raise UnsafePathError("it has a dot segment")
        before, decoded = decoded, unquote_to_bytes(decoded)
        if decoded == before:
            return
    raise UnsafePathError("it is encoded too often")


def public_path(service: Service, path: str) -> str:
    """Return where the public finds what the UI calls `path`, which begins with a slash.

    A path that is outside of the prefix is one of a UI that does not know its prefix.
    """
    if path.startswith(service.prefix) or path == service.prefix[:-1]:
        return path
    return service.prefix + path.lstrip("/\\")


def public_location(service: Service, location: str, public_host: str) -> str | None:
    """Return a UI's `Location` as the browser must see it; None for one that leads nowhere.

    What leads to the UI itself, by its internal address or by a path, is led through the gate. What names
    another host, or another part of the site by the site's own name, is left as it is.
    """
    try:
        parts = urlsplit(location)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if parts.scheme not in ("", "http", "https"):
        return None
    if not parts.netloc:
        if parts.scheme:  # "http:path": each reader takes it for something else
            return None
        return public_path(service, location) if location.startswith("/") else location
    path = urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
    if _is_upstream(service, parts.scheme, host, port):
        return public_path(service, path)
    if parts.netloc.lower() == public_host.lower() and (path.startswith(service.prefix) or not service.keep_prefix):
        return public_path(service, path)
    return location


def _is_upstream(service: Service, scheme: str, host: str, port: int | None) -> bool:
    default = 443 if (scheme or service.scheme) == "https" else 80
    return (host, port or default) == (service.host.strip("[]").lower(), service.port)


def public_refresh(service: Service, refresh: str, public_host: str) -> str | None:
    """Return a UI's `Refresh` with the address in it led through the gate; None for one that leads nowhere."""
    found = _REFRESH.fullmatch(refresh)
    if found is None:
        return refresh if re.fullmatch(_SECONDS, refresh) else None
    location = public_location(service, found["url"], public_host)
    return None if location is None else f"{found['seconds']}; url={location}"
