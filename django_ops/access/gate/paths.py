"""Which paths may cross the gate, and where a browser may be sent back to: no I/O, and the rule that nginx has too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_ops.access.gate.registry import Service

# What servers on the way may take for a slash or a dot, however often it was encoded. nginx and Python both read this;
# without backslashes and quotes but for \x5c, as it is put between quotes in nginx's configuration.
_SLASH = "(?:/|%(?:25)*2[fF]|%(?:25)*5[cC]|%[cC]0%[aA][fF])"
_DOT = "(?:[.]|%(?:25)*2[eE]|%[cC]0%[aA][eE])"

#: What the path of a request-target may not have: servers do not agree on what it means. Two slashes, a backslash in
#: any form, a segment of dots only, control characters; and nowhere a #, which no browser sends.
DECEPTIVE = (
    "(?:"
    "[^?]*#|[^?]*[?].*#"  # a fragment, in the path or behind it
    "|[^?]*//"
    r"|[^?]*\x5c|[^?]*%(?:25)*5[cC]"
    f"|[^?]*{_SLASH}{_DOT}{{1,2}}(?:{_SLASH}|;|%(?:25)*3[bB]|[?]|$)"
    "|[^?]*%(?:25)*(?:[01][0-9a-fA-F]|7[fF])"
    ")"
)

_DECEPTIVE = re.compile(DECEPTIVE, re.DOTALL)
_PRINTABLE = re.compile(r"[\x21-\x7e]*")
_LONGEST_NEXT = 2048  # characters; browsers and proxies take longer ones, but nobody has a good one


def is_plain(service: Service, target: str) -> bool:
    """Tell whether a raw request-target (path and query, as it was sent) means one thing only, and that a path of
    this service: it begins with the prefix letter by letter, and every server on the way reads it the same."""
    return target.startswith(service.prefix) and _DECEPTIVE.match(target) is None


def way_back(service: Service, target: str) -> str:
    """Return where to send a browser after it has signed in: `target` if it is a plain path of this service, else
    the service's own page. What is returned never leads to another host."""
    is_good = len(target) <= _LONGEST_NEXT and _PRINTABLE.fullmatch(target) and is_plain(service, target)
    return target if is_good else service.prefix
