"""The kinds of values that settings have: each says what is wrong with a value ("must be …, not …"), or None."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any


def _wrong(expected: str, value: object) -> str:
    return f"must be {expected}, not {type(value).__name__} {value!r:.80}"


def text(value: Any) -> str | None:
    """A string."""
    return None if isinstance(value, str) else _wrong("a string", value)


def file_path(value: Any) -> str | None:
    """A path, as a string or a Path; empty for none."""
    return None if isinstance(value, (str, Path)) else _wrong("a path", value)


def url_path(value: Any) -> str | None:
    """A path that starts with a slash; empty switches the endpoint off."""
    if isinstance(value, str) and re.fullmatch(r"(/[^/?#\s]+)*/?", value) and value != "/":
        return None
    return _wrong('a path such as "/livez"', value)


def boolean(value: Any) -> str | None:
    """True or False."""
    return None if isinstance(value, bool) else _wrong("True or False", value)


def count(value: Any) -> str | None:
    """A whole number above 0."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return None
    return _wrong("a whole number above 0", value)


def seconds(value: Any) -> str | None:
    """A number of seconds, 0 or more."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return None
    return _wrong("a number of seconds, 0 or more", value)


def strings(value: Any) -> str | None:
    """A list or tuple of strings."""
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return None
    return _wrong("a list of strings", value)


def networks(value: Any) -> str | None:
    """A list of IP addresses or networks in CIDR form, and "unix" for a Unix socket."""
    if strings(value) is not None:
        return _wrong("a list of networks", value)
    for item in value:
        try:
            item == "unix" or ipaddress.ip_network(item)
        except ValueError as error:
            return f'must be a list of networks such as "10.0.0.0/8": {error}'
    return None


def bounds(value: Any) -> str | None:
    """Upper bounds of a histogram: numbers above 0, rising."""
    if (
        isinstance(value, (list, tuple))
        and value
        and all(isinstance(item, (int, float)) and not isinstance(item, bool) and item > 0 for item in value)
        and list(value) == sorted(set(value))
        and value[-1] != float("inf")
    ):
        return None
    return _wrong("a list of rising numbers of seconds, without infinity", value)


def checks(value: Any) -> str | None:
    """A list of readiness checks: names of ours, dotted paths, or callables."""
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) or callable(item) for item in value):
        return None
    return _wrong("a list of check names, dotted paths or callables", value)


def address(value: Any) -> str | None:
    """`host:port` to listen on; empty for none."""
    if isinstance(value, str):
        host, colon, port = value.rpartition(":")
        if value == "" or (host and colon and re.fullmatch("[0-9]{1,5}", port) and int(port) < 65536):
            return None
    return _wrong('an address such as "127.0.0.1:9808"', value)


def gate_services(value: Any) -> str | None:
    """A dictionary: the name of each internal UI, and a dictionary of what is said of it."""
    if isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, dict) for k, v in value.items()):
        return None
    return _wrong('a dictionary such as {"flower": {"upstream": "http://flower:5555"}}', value)


def url_prefix(value: Any) -> str | None:
    """A path that begins and ends with a slash, of ASCII letters, digits, `_` and `-`."""
    if isinstance(value, str) and re.fullmatch(r"/([A-Za-z0-9_-]+/)+", value):
        return None
    return _wrong('a path with a slash at both ends, such as "/ops/"', value)


def gate_mode(value: Any) -> str | None:
    """`nginx`, `proxy`, or empty."""
    return None if value in ("nginx", "proxy", "") else _wrong('"nginx", "proxy" or ""', value)
