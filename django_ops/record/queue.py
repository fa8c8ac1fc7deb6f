"""How long a request waited in front of the application, from the proxy's `X-Request-Start`."""

from __future__ import annotations

#: More than this is a clock that is wrong, not a queue.
_LONGEST_SECONDS = 3600.0


def queue_ns(header: str, started_at: float) -> int | None:
    """Return the nanoseconds between the header's time and `started_at` (Unix seconds), or None.

    Proxies write seconds (nginx `t=${msec}`), milliseconds (Heroku) or microseconds (Apache `%t`); the size of
    the number tells which. A time in the future, by clocks that disagree, is a wait of 0.
    """
    text = header.strip().removeprefix("t=")
    if len(text) > 24:
        return None
    try:
        stamp = float(text)
    except ValueError:
        return None
    for unit in (1.0, 1e3, 1e6):
        waited = started_at - stamp / unit
        if abs(waited) < _LONGEST_SECONDS:
            return max(0, round(waited * 1e9))
    return None
