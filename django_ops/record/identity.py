"""Who a request is: the ids that its log lines, its tasks and its trace share."""

from __future__ import annotations

import mmap
import os
import re
import sys
from typing import NamedTuple

# version 00 exactly; a higher version may carry more after the flags. All-zero ids are invalid.
# Source: https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace_id>[0-9a-f]{32})-(?!0{16})(?P<span_id>[0-9a-f]{16})-[0-9a-f]{2}"
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


class Identity(NamedTuple):
    """The ids of one request or task."""

    request_id: str  # 1 to 64 characters of A-Z a-z 0-9 . _ -
    trace_id: str  # 32 lower-case hexadecimal digits, W3C trace context
    span_id: str  # 16 lower-case hexadecimal digits

    @property
    def traceparent(self) -> str:
        """The W3C `traceparent` header that makes what comes next a child of this."""
        return f"00-{self.trace_id}-{self.span_id}-01"


#: Identities made in advance: one by one, each costs a call of the kernel.
_stock: list[Identity] = []
_MOST_IN_STOCK = 64

_MADV_WIPEONFORK = 18  # since Linux 4.14; see madvise(2)


def _page_of_this_process() -> mmap.mmap | bytes:
    """Return memory that is filled with zeros in each forked child, by the kernel: uWSGI forks in C, where no hook of
    Python's runs, and its workers would share what was made in advance. A zero, where there is no such memory.
    """
    if sys.platform != "linux":
        return b"\0"
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        page.madvise(_MADV_WIPEONFORK)
    except OSError:  # an older kernel, or what stands in for one
        return b"\0"
    return page


_page = _page_of_this_process()


def new_identity() -> Identity:
    """Make the identity of a request that brought none: its trace has the request's id."""
    if _page[0]:
        try:
            return _stock.pop()
        except IndexError:
            pass
    return _fill_stock()


def _fill_stock() -> Identity:
    if isinstance(_page, bytes):
        return _make(os.urandom(24).hex())
    digits = os.urandom(24 * _MOST_IN_STOCK).hex()
    # what was there may be the parent's as well
    _stock[:] = [_make(digits[start : start + 48]) for start in range(48, len(digits), 48)]
    _page[0] = 1
    return _make(digits[:48])


def _make(digits: str) -> Identity:
    trace_id = digits[:32]
    return Identity(trace_id, trace_id, digits[32:])


def accept_identity(traceparent: str | None, request_id: str | None) -> Identity:
    """Take the ids that a caller sent, as far as they are well-formed, and make the others.

    Whoever sends a `traceparent` names the trace, and never the request. `request_id` is what came in
    `X-Request-ID`, and only its caller knows whether the sender may be believed: pass None when not.
    """
    fresh = new_identity()
    if not request_id or not _REQUEST_ID.fullmatch(request_id):
        request_id = fresh.request_id
    trace_id = parse_traceparent(traceparent) if traceparent else None
    if trace_id is None:
        trace_id = request_id if _TRACE_ID.fullmatch(request_id) else fresh.trace_id
    return Identity(request_id, trace_id, fresh.span_id)


def parse_traceparent(header: str) -> str | None:
    """Return the trace id of a `traceparent` header, or None when the header is not valid."""
    if len(header) > 512:
        return None
    header = header.strip(" \t")
    match = _TRACEPARENT.match(header)
    if match is None:
        return None
    rest = header[match.end() :]
    if rest and (header.startswith("00-") or not rest.startswith("-")):
        return None
    return match["trace_id"]
