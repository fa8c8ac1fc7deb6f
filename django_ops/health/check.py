"""What a readiness check is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from django_ops.record.redaction import mask_text

_LONGEST_SUMMARY = 300  # characters


@dataclass(frozen=True)
class Check:
    """One thing that readiness depends on.

    `run` takes nothing and raises when the thing is not ready; what it returns does not matter. It may be a
    coroutine function, which then has an event loop of its own. It runs in a thread of its own, whose database
    connections are closed when it ends.
    """

    name: str
    run: Callable[[], object]
    #: When it fails: answer 503 (critical), or 200 and "degraded".
    critical: bool = True
    #: None: OPS_READYZ_TIMEOUT_SECONDS.
    timeout_seconds: float | None = None

    def __call__(self) -> object:
        """Run it; so that a check can stand in OPS_READYZ_CHECKS itself."""
        return self.run()


class Status(StrEnum):
    """The answer of `/readyz`."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    DRAINING = "draining"

    @property
    def http_status(self) -> int:
        """200 while requests should be sent here, else 503."""
        return 200 if self in (Status.OK, Status.DEGRADED) else 503


@dataclass(frozen=True)
class Result:
    """What came of one run of a check."""

    name: str
    critical: bool
    duration_seconds: float
    error: BaseException | None

    @property
    def summary(self) -> str:
        """The error's class and first line, secrets masked, in a few hundred characters; "" without one."""
        return "" if self.error is None else summarize(self.error)


@dataclass(frozen=True)
class Report:
    """What came of all checks."""

    results: tuple[Result, ...]

    @property
    def failures(self) -> list[Result]:
        """What failed, in the order of the settings."""
        return [result for result in self.results if result.error is not None]

    @property
    def status(self) -> Status:
        """FAILED when a critical check failed, DEGRADED when another one did."""
        failures = self.failures
        if any(result.critical for result in failures):
            return Status.FAILED
        return Status.DEGRADED if failures else Status.OK


def summarize(error: BaseException) -> str:
    """Say what an error is in one line without secrets, whatever its `__str__` does."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    name = type(error).__name__
    return mask_text(f"{name}: {lines[0]}" if lines else name)[:_LONGEST_SUMMARY]
