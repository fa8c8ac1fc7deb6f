"""Runs the readiness checks: all at once, each with its deadline, and once for however many probes."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from time import monotonic

from django.core.cache import caches
from django.db import connections

from django_ops.conf import conf
from django_ops.health.check import Check, Report, Result
from django_ops.health.checks.urlconf import URLCONF
from django_ops.health.resolve import resolve

logger = logging.getLogger(__name__)


class Run:
    """One run of a check, in a thread of its own: nothing else ends the wait for a driver that hangs in C."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.timeout_seconds = (
            conf.OPS_READYZ_TIMEOUT_SECONDS if check.timeout_seconds is None else check.timeout_seconds
        )
        self.started_at = monotonic()
        self.ended = threading.Event()
        self._error: BaseException | None = None
        self._duration_seconds = 0.0

    def start(self) -> None:
        """Begin. The thread is a daemon, so that a hung check does not keep the process from ending."""
        try:
            threading.Thread(target=self._run, name=f"django-ops-{self.check.name}", daemon=True).start()
        except RuntimeError as error:  # no thread can be had: no reason to wait for one
            self._error = error
            self.ended.set()

    def result(self) -> Result:
        """Wait until the run has ended or its deadline has come, and say what came of it."""
        remaining_seconds = self.started_at + self.timeout_seconds - monotonic()
        if self.ended.wait(max(0.0, remaining_seconds)):
            return Result(self.check.name, self.check.critical, self._duration_seconds, self._error)
        waited_seconds = monotonic() - self.started_at
        error = TimeoutError(f"no answer for {waited_seconds:.1f} s; the deadline is {self.timeout_seconds:g} s")
        return Result(self.check.name, self.check.critical, waited_seconds, error)

    def _run(self) -> None:
        try:
            returned = self.check.run()
            if inspect.isawaitable(returned):
                asyncio.run(_within(returned, self.timeout_seconds))
        except BaseException as error:  # a check that raises SystemExit has failed like any other
            self._error = error
        finally:
            self._duration_seconds = monotonic() - self.started_at
            _close_connections()
            self.ended.set()


class Runner:
    """The state of readiness in this process."""

    def __init__(self, tell: Callable[[Report], None] | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._flight: Future[Report] | None = None
        self._report: Report | None = None
        self._expires_at = 0.0
        self._runs: dict[str, Run] = {}
        self._has_urlconf = False

    def report(self) -> Report:
        """Return the latest report, or wait for the one that is being made."""
        found = self._join()
        return found if isinstance(found, Report) else found.result()

    async def areport(self) -> Report:
        """Do the same without blocking the event loop."""
        found = self._join()
        return found if isinstance(found, Report) else await asyncio.wrap_future(found)

    def _join(self) -> Report | Future[Report]:
        """Return the report while it is fresh, else the flight that all who ask meanwhile wait for."""
        with self._lock:
            if self._report is not None and monotonic() < self._expires_at:
                return self._report
            if self._flight is not None:
                return self._flight
            flight: Future[Report] = Future()
            flight.set_running_or_notify_cancel()  # a probe that leaves must not cancel it for the others
            self._flight = flight
        try:
            # not by whoever asked first: its client may leave, and its event loop must not be blocked
            threading.Thread(target=self._fly, args=(flight,), name="django-ops-readyz", daemon=True).start()
        except RuntimeError as error:
            self._land(flight, _unusable(error))
        return flight

    def _fly(self, flight: Future[Report]) -> None:
        try:
            report = Report(self._results(resolve(conf.OPS_READYZ_CHECKS)))
        except BaseException as error:  # whatever it is, those who wait must be told
            report = _unusable(error)
        finally:
            _close_connections()
        self._land(flight, report)

    def _results(self, checks: list[Check]) -> tuple[Result, ...]:
        """Run the checks, and that of the URLconf until it has been loaded once: then it stays loaded."""
        if self._has_urlconf:
            return tuple(run.result() for run in self._begin(checks))
        urlconf, *results = (run.result() for run in self._begin([URLCONF, *checks]))
        self._has_urlconf = urlconf.error is None
        return tuple(results) if self._has_urlconf else (urlconf, *results)

    def _land(self, flight: Future[Report], report: Report) -> None:
        believed_seconds = _believed_seconds()
        with self._lock:
            self._report = report
            self._expires_at = monotonic() + believed_seconds
            self._flight = None
        flight.set_result(report)
        if self._tell is not None:
            self._tell(report)

    def _begin(self, checks: list[Check]) -> list[Run]:
        """Start each check, but none that still runs: its earlier run has missed its deadline, and counts."""
        runs = {}
        for check in checks:
            earlier = self._runs.get(check.name)
            if earlier is not None and not earlier.ended.is_set():
                runs[check.name] = earlier
            else:
                runs[check.name] = Run(check)
                runs[check.name].start()
        self._runs = {name: run for name, run in self._runs.items() if not run.ended.is_set()} | runs
        return list(runs.values())


def _believed_seconds() -> float:
    try:
        return float(conf.OPS_READYZ_CACHE_SECONDS)
    except (TypeError, ValueError):  # a check says so; here nobody may be left waiting for it
        return 0.0


def _unusable(error: BaseException) -> Report:
    return Report((Result("OPS_READYZ_CHECKS", critical=True, duration_seconds=0.0, error=error),))


async def _within(awaitable: Awaitable[object], timeout_seconds: float) -> None:
    async with asyncio.timeout(timeout_seconds):
        await awaitable


def _close_connections() -> None:
    """Close what a check opened through Django in this thread, as no request will end here to do it."""
    for handler in (connections, caches):
        try:
            handler.close_all()
        except Exception as error:
            logger.debug("a connection of a readiness check could not be closed: %s", error)
