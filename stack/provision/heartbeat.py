"""Touches HEARTBEAT_FILE while a Celery worker or beat does its work, for the containers' health checks.

`celery worker -I stack.provision.heartbeat`, `celery beat -S stack.provision.heartbeat:Scheduler`: any project's Celery
application, without a change to it. Without HEARTBEAT_FILE nothing is touched.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from celery import bootsteps, current_app
from celery.beat import PersistentScheduler

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
#: For how long the loop of a connected worker may be silent: its health check allows more.
SILENCE_SECONDS = 15.0


def touch() -> None:
    """Touch HEARTBEAT_FILE. Raises nothing: a full disk must not stop the work."""
    path = os.environ.get("HEARTBEAT_FILE")
    if not path:
        return
    try:
        Path(path).touch()
    except OSError as error:
        logger.warning("the heartbeat cannot be written: %s", error)


class Pulse:
    """Whether a worker lives: it waits for its broker, or its loop turns.

    A broker that is gone is no reason to restart the worker, so the loop is asked only while there is a connection.
    """

    def __init__(self) -> None:
        self.connected = False
        self.turned_at = 0.0

    def turn(self) -> None:
        """Note that the loop has come round."""
        self.turned_at = time.monotonic()

    def is_there(self) -> bool:
        """Say whether the worker lives."""
        return not self.connected or time.monotonic() - self.turned_at < SILENCE_SECONDS


pulse = Pulse()


class Heart(bootsteps.StartStopStep):
    """The thread of the worker's parent that touches the file while there is a pulse."""

    requires = ("celery.worker.components:Pool",)  # after the children are forked: they have no such thread

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._stopped = threading.Event()

    def start(self, parent: Any) -> None:
        """Begin."""
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        while True:
            if pulse.is_there():
                touch()
            if self._stopped.wait(BEAT_SECONDS):
                return

    def stop(self, parent: Any) -> None:
        """End."""
        self._stopped.set()


class Loop(bootsteps.StartStopStep):
    """The timer in the consumer's loop, from one connection until it is lost."""

    requires = ("celery.worker.consumer.connection:Connection",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        """Watch the loop from now on."""
        pulse.turn()
        pulse.connected = True
        self._timer = parent.timer.call_repeatedly(BEAT_SECONDS, pulse.turn)

    def stop(self, parent: Any) -> None:
        """Expect nothing of the loop any more."""
        pulse.connected = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    terminate = shutdown = stop


class Scheduler(PersistentScheduler):
    """Celery's own scheduler, which touches the file at each turn."""

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Send what is due, and return the seconds until the next turn."""
        seconds = super().tick(*arguments, **options)
        touch()
        return min(seconds, BEAT_SECONDS)


current_app.steps["worker"].add(Heart)
current_app.steps["consumer"].add(Loop)
