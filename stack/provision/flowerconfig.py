"""Flower's options: `celery flower --conf=stack/provision/flowerconfig.py`. Exits where there is no password.

Flower without a password lets everybody end tasks, and has been reached from outside that way (CVE-2022-30034).
The password stands in a file, as arguments and variables can be read in the list of processes.
"""

import os
import sys
from pathlib import Path


def _account() -> str:
    """Return user:password from the file that FLOWER_AUTH_FILE names, or exit with what is wrong with it."""
    path = os.environ.get("FLOWER_AUTH_FILE")
    if not path:
        sys.exit("flower does not start: FLOWER_AUTH_FILE is not set; it names a file with user:password")
    try:
        account = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        sys.exit(f"flower does not start: FLOWER_AUTH_FILE is {path}, which cannot be read: {reason}")
    user, _, password = account.partition(":")
    if not user or not password:
        sys.exit(f"flower does not start: {path} must hold user:password")
    return account


def _close_metrics() -> None:
    """Ask for the password at /metrics too, which Flower answers to everybody, with the names of tasks and workers.

    Flower has loaded its pages when it reads this file; whoever only wants to know whether there is a password has not.
    """
    monitor = sys.modules.get("flower.views.monitor")
    if monitor is not None:
        from tornado.web import authenticated

        monitor.Metrics.get = authenticated(monitor.Metrics.get)


_close_metrics()
basic_auth = [_account()]
address = "0.0.0.0"  # noqa: S104 - inside of a container that publishes no port
port = 5555
# A container that was replaced comes back with another name: the old one is shown for ten minutes more.
purge_offline_workers = 600
