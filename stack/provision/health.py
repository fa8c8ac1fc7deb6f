"""Says by its exit code whether a container is healthy, for images that have Python and no curl."""

from __future__ import annotations

import http.client
import os
import sys
import time
from urllib.parse import urlsplit

#: Below the health checks' own limit, so that it is this that says what was wrong.
TIMEOUT_SECONDS = 2.0
USAGE = "usage: python -m stack.provision.health url URL | heartbeat SECONDS"


def main(arguments: list[str]) -> str | None:
    """Return what is wrong, or None."""
    match arguments:
        case ["url", url]:
            return url_problem(url)
        case ["heartbeat", seconds] if seconds.isdecimal():
            return heartbeat_problem(os.environ.get("HEARTBEAT_FILE", ""), float(seconds))
    return USAGE


def url_problem(url: str) -> str | None:
    """Say why a GET of `url` is not answered by 200, or return None. No redirect is followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if status == 200 else f"{url}: {status}"


def heartbeat_problem(path: str, seconds: float) -> str | None:
    """Say why the file was not touched within the last `seconds`, or return None."""
    if not path:
        return "HEARTBEAT_FILE is not set"
    try:
        age_seconds = time.time() - os.stat(path).st_mtime
    except OSError as error:
        return f"no heartbeat: {path}: {error.strerror}"
    return None if age_seconds < seconds else f"the last heartbeat is {age_seconds:.0f} seconds old"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
