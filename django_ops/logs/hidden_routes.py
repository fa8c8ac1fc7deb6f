"""The routes of a site with an argument that names a secret, for the access log of an nginx that knows no routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from django.urls import get_resolver
from django.urls.resolvers import LocalePrefixPattern, RoutePattern, URLResolver

from django_ops.record.nginx_masking import entries_of_routes
from django_ops.record.redaction import is_hidden

_ARGUMENT = re.compile(r"<(?:(?P<converter>[^<>:]+):)?(?P<name>[^<>]+)>")
#: What a regular expression may mean as something else than itself.
_NO_LITERAL = re.compile(r"[^\w/ ~%!@&=:;,'\"-]")


def entries_of_site() -> str:
    """Return the entries of nginx's map for the site's routes with hidden arguments; "" where it has none."""
    found = (_around_the_first_hidden(patterns) for patterns in _leaves(get_resolver(), ()))
    return entries_of_routes(dict.fromkeys(route for route in found if route is not None))


def _leaves(resolver: URLResolver, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield for each view the patterns that lead to it, but for the root's."""
    for each in resolver.url_patterns:
        patterns = (*above, each.pattern)
        if isinstance(each, URLResolver):
            yield from _leaves(each, patterns)
        else:
            yield patterns


def _around_the_first_hidden(patterns: tuple[Any, ...]) -> tuple[str, str] | None:
    """Return what is before the first hidden argument and what is after it, as patterns; None without one."""
    if not any(is_hidden(name) for pattern in patterns for name in pattern.regex.groupindex):
        return None
    parts, known = ["/"], True
    for pattern in patterns:
        if isinstance(pattern, LocalePrefixPattern):
            parts.append("(?:[a-z-]+/)?")
        elif isinstance(pattern, RoutePattern):
            parts += _of_route(str(pattern))
        else:  # of a regular expression, what it begins with is known, and nothing behind that
            parts.append(_quoted(_NO_LITERAL.split(str(pattern).removeprefix("^"), maxsplit=1)[0]))
            known = False
            break
    at = next((index for index, part in enumerate(parts) if part == ""), len(parts))
    after = "".join(part or "[^/]+" for part in parts[at + 1 :])
    return "".join(parts[:at]), f"{after.removesuffix('/')}/?" if known else ""


def _of_route(route: str) -> Iterator[str]:
    """Yield the parts of a route as patterns, "" for a hidden argument."""
    position = 0
    for argument in _ARGUMENT.finditer(route):
        yield _quoted(route[position : argument.start()]) or "(?:)"
        hidden = is_hidden(argument["name"])
        yield "" if hidden else ".+?" if argument["converter"] == "path" else "[^/]+"
        position = argument.end()
    yield _quoted(route[position:]) or "(?:)"


def _quoted(text: str) -> str:
    return re.escape(quote(text))
