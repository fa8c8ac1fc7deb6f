"""The readiness of this process: one runner, and who is told when it changes."""

from __future__ import annotations

import logging
import os
import threading

from django.core.signals import setting_changed

from django_ops.health.check import Report, Status
from django_ops.health.runner import Runner
from django_ops.metrics import catalog

logger = logging.getLogger(__name__)


class Changes:
    """Tells the log when readiness changes, never of a probe that changed nothing; and the metrics each time."""

    def __init__(self) -> None:
        self.status = Status.OK
        self._lock = threading.Lock()

    def tell(self, report: Report) -> None:
        """Take note of a new report."""
        for result in report.failures:
            catalog.READINESS_FAILURES.inc(result.name)
        failures = report.failures
        self.become(
            report.status,
            "; ".join(f"{result.name}: {result.summary}" for result in failures),
            failures[0].error if failures else None,
        )

    def become(self, status: Status, reason: str = "", error: BaseException | None = None) -> None:
        """Take note of the present status."""
        catalog.READY.set(float(status.http_status == 200))
        with self._lock:
            before, self.status = self.status, status
        if before is status:
            return
        if status is Status.OK:
            logger.info("ready again, after %s", before)
        elif status is Status.DRAINING:
            logger.info("draining: readiness answers 503, requests are served")
        elif status is Status.DEGRADED:
            logger.warning("degraded: %s", reason, exc_info=error)
        else:
            logger.error("not ready: %s", reason, exc_info=error)


changes: Changes
runner: Runner


def reset() -> None:
    """Forget everything: a forked child shares neither locks nor threads nor results with its parent."""
    global changes, runner
    changes = Changes()
    runner = Runner(changes.tell)


def _on_setting_changed(*, setting: str, **_: object) -> None:
    global runner
    if setting.startswith("OPS_READYZ_"):  # in a test: the report of a second ago was made by other checks
        runner = Runner(changes.tell)


reset()
os.register_at_fork(after_in_child=reset)
setting_changed.connect(_on_setting_changed)
