"""A server's master and its workers, as real processes, and what the workers count.

Does what `django_ops.gunicorn` does at each hook, and nothing else, so that each step can be looked at.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from django_ops.metrics import observe, slots
from django_ops.record import slot
from tests.unit.metrics.observed import request, series

DEADLINE_SECONDS = 60.0

#: A master hands out one more slot where a child takes long to be born, as it may on a busy machine; not here.
slot._BIRTH_SECONDS = DEADLINE_SECONDS

STEP, END = b"s", b"e"

Series = dict[str, float]


class Worker:
    """A forked process that does what it is told, step by step, and answers each time."""

    def __init__(self, *steps: Callable[[], Any], label: str | None = None) -> None:
        self.label = label
        commands, self._command = os.pipe()
        self._answer, answers = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._command)
            os.close(self._answer)
            for step in steps:
                if os.read(commands, 1) != STEP:
                    os._exit(0)
                os.write(answers, json.dumps(step()).encode() + b"\n")
            os.read(commands, 1)
            os._exit(0)
        os.close(commands)
        os.close(answers)
        self._reader = os.fdopen(self._answer)

    def step(self) -> Any:
        """Let it take the next step, and return what came of it."""
        self.begin_step()
        return self.answer()

    def begin_step(self) -> None:
        """Let it take the next step, and do not wait."""
        os.write(self._command, STEP)

    def answer(self) -> Any:
        """Wait for what came of a step."""
        return json.loads(self._reader.readline())

    def wait(self) -> None:
        """Let it end."""
        os.write(self._command, END)
        self._bury()

    def kill(self) -> None:
        """End it as the kernel does when memory runs out."""
        os.kill(self.pid, signal.SIGKILL)
        self._bury()

    def _bury(self) -> None:
        os.close(self._command)
        self._reader.close()
        os.waitpid(self.pid, 0)


class Master:
    """Hands slots out and takes them back."""

    def __init__(self) -> None:
        slot.be_main()
        where = slot.directory()
        assert where is not None
        self.where = where
        slots.wipe(where)

    def fork(self, *steps: Callable[[], Any]) -> Worker:
        """Fork a worker with a slot."""
        label = slot.reserve_for_next_fork()
        return Worker(*steps, label=label)

    def bury(self, worker: Worker) -> None:
        """Take the slot of a worker that has ended."""
        assert worker.label is not None
        slots.forget(worker.label)
        slot.release(worker.label)

    def retire(self, worker: Worker) -> None:
        """Let a worker end, and take its slot."""
        worker.wait()
        self.bury(worker)

    def files(self) -> list[str]:
        """Return the names of all files in the slot directory, with their sizes."""
        return sorted(f"{path.name} {path.stat().st_size}" for path in self.where.iterdir())

    def scrape(self) -> Series:
        """Return every sample of an exposition, as a worker would give it that is scraped now."""
        scraper = self.fork(read)
        found: Series = scraper.step()
        self.retire(scraper)
        return found


def read() -> Series:
    return {name + json.dumps(labels): number for (name, labels), number in series().items()}


def total(found: Series, name: str) -> float:
    """Return the sum of the samples with this name."""
    return sum(number for key, number in found.items() if key.partition("[")[0] == name)


def serve() -> str:
    """Serve one request, and count in metrics of somebody else."""
    observe.request_began()
    observe.observe_request(request())
    for define in (counter, histogram, gauge):
        define()
    return slot.label()


_defined: dict[str, Any] = {}


def counter() -> None:
    define("orders", lambda: Counter("shop_orders", "Orders.")).inc()


def histogram() -> None:
    define("seconds", lambda: Histogram("shop_seconds", "Seconds.")).observe(0.5)


def gauge() -> None:
    define("running", lambda: Gauge("shop_running", "Running.", multiprocess_mode="livesum")).inc()
    define("highest", lambda: Gauge("shop_highest", "Highest.", multiprocess_mode="max")).set(float(os.getpid() % 7))
    define("each", lambda: Gauge("shop_each", "Each.")).set(1.0)


def define(name: str, make: Callable[[], Any]) -> Any:
    if name not in _defined:
        _defined[name] = make()
    return _defined[name]


def preload() -> None:
    """Define the metrics, and count a little, before any worker is forked."""
    serve()
