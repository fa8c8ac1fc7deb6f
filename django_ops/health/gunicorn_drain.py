"""SIGTERM to a gunicorn master: drain first, stop later.

gunicorn's own answer closes the listeners before it tells the workers (`Arbiter.stop`), so no probe would ever
see that they are about to go. Nothing here imports gunicorn.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings

from django_ops.conf import Configuration, conf
from django_ops.health import drain
from django_ops.health.drain import board
from django_ops.health.listener import Listeners

#: After so long each worker has taken note of its SIGTERM and accepts nothing more: gunicorn 23's gthread
#: worker looks once a second. One that still accepted would end with an error, and its requests with it.
_WORKERS_NOTICE_SECONDS = 2.0


class DrainThenStop:
    """What the master's main loop calls for SIGTERM, in the place of `Arbiter.handle_term`."""

    def __init__(self, server: Any, stop: Callable[[], None]) -> None:
        self.server = server
        self.stop = stop  # raises StopIteration, which ends the main loop
        self._waited = False

    def __call__(self) -> None:
        """Begin to drain and come back later; then, or when there is no reason to wait, stop."""
        wait_seconds = self._wait_seconds()
        if self._is_upgrading() or (board.stopping and not self._waited):
            self.stop()  # at once: somebody else answers on this listener, or SIGTERM came twice
        elif self._waited or wait_seconds <= 0:
            self._close_listeners()
            self.stop()
        else:
            self._begin(wait_seconds)

    def _begin(self, wait_seconds: float) -> None:
        board.stopping = True
        self.server.log.info("Draining: /readyz answers 503 and requests are served for %.1f s", wait_seconds)
        signal.signal(signal.SIGALRM, self._come_back)
        signal.setitimer(signal.ITIMER_REAL, wait_seconds)
        os.register_at_fork(after_in_child=_forget_alarm)
        # Python puts back the default handlers when it ends, and that of SIGALRM kills
        atexit.register(signal.setitimer, signal.ITIMER_REAL, 0)

    def _come_back(self, number: int, frame: Any) -> None:
        """Queue SIGTERM as gunicorn does; nothing else is safe in a handler."""
        self._waited = True
        self.server.signal(signal.SIGTERM, frame)

    def _wait_seconds(self) -> float:
        known_seconds = time.monotonic() - board.seen_at if board.seen_at else 0.0
        return drain_seconds() - known_seconds

    def _is_upgrading(self) -> bool:
        """Tell whether there are two masters, after USR2.

        A 503 from half of the workers would take both out of the balancer, and the listener is the other's as well.
        """
        return bool(self.server.reexec_pid or self.server.master_pid)

    def _close_listeners(self) -> None:
        if self.server.systemd:
            return  # the listeners are systemd's, which keeps them for the next server
        listeners = Listeners(self.server.LISTENERS)
        listeners.overlook_new_connections()
        later = threading.Timer(_WORKERS_NOTICE_SECONDS, listeners.refuse)  # no worker is forked any more
        later.daemon = True
        later.start()


def install_gunicorn_drain(server: Any) -> None:
    """Make the master drain when it is told to stop. Call it from `when_ready`: before workers are forked.

    SIGINT and SIGQUIT still stop at once, and HUP, USR1, USR2, TTIN and TTOU do what they do.
    """
    server.handle_term = DrainThenStop(server, server.handle_term)


def worker_ready(worker: Any) -> None:
    """Tell the master what OPS_DRAIN_SECONDS is. Call it from `post_worker_init`.

    The master has not loaded the settings unless the app is preloaded, and must not: its workers would inherit
    them, and HUP would reload nothing.
    """
    if settings.configured and Configuration.OPS_DRAIN_SECONDS.problem(conf.OPS_DRAIN_SECONDS) is None:
        board.wait_seconds = float(conf.OPS_DRAIN_SECONDS)


def close_connection(worker: Any, request: Any) -> None:
    """Answer with "Connection: close" while the server drains. Call it from `pre_request`.

    A balancer that keeps connections open would send its next request over one that is about to go. gunicorn
    takes no such header from an application.
    """
    if drain.has_begun():
        request.must_close = True


def drain_seconds() -> float:
    """Return OPS_DRAIN_SECONDS as the workers told it, else from the environment, else its default."""
    if board.wait_seconds >= 0:
        return board.wait_seconds
    setting = Configuration.OPS_DRAIN_SECONDS
    try:
        seconds = float(os.environ["OPS_DRAIN_SECONDS"])
    except (KeyError, ValueError):
        return setting.default
    return seconds if setting.problem(seconds) is None else setting.default


def _forget_alarm() -> None:
    """Give a worker that is forked meanwhile its SIGALRM back."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
