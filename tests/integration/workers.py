"""`celery worker` as a subprocess, its lines and its metrics."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.integration import services
from tests.integration.services import HOST, Redis
from tests.whole_lines import whole_lines

ROOT = Path(__file__).parents[2]
TOKEN = "scrape-token"

Line = dict[str, Any]


class Worker:
    """A running worker, with a queue, a log directory and a metrics port of its own."""

    def __init__(self, directory: Path, broker: Redis, queue: str) -> None:
        self.directory = directory
        self.log_directory = directory / "log"
        self.temporary_directory = directory / "tmp"
        self.stdout = directory / "stdout"
        self.queue = queue
        self.metrics_port = services.held_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PROMETHEUS_", "DJANGO_"))},
            "DJANGO_SETTINGS_MODULE": "tests.integration.shop.settings",
            "SHOP_BROKER_URL": broker.url,
            "SHOP_QUEUE": queue,
            "SHOP_LOG_DIRECTORY": str(self.log_directory),
            "SHOP_METRICS_ADDRESS": f"{HOST}:{self.metrics_port}",
            "TMPDIR": str(self.temporary_directory),
            "PYTHONPATH": str(ROOT),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, wait: bool = True) -> None:
        """Start it; with `wait`, until it takes tasks."""
        self.temporary_directory.mkdir(exist_ok=True)
        command = [
            str(Path(sys.executable).with_name("celery")), "-A", "tests.integration.shop.celery", "worker",
            "-n", f"{self.queue}@test", "--without-gossip", "--without-mingle", *options,
        ]  # fmt: skip
        with self.stdout.open("wb") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        if wait:
            self.wait(lambda: any(line["message"].endswith(" ready.") for line in self.lines()), "the worker is ready")

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        assert self.process is not None
        services.stop(self.process, stop_signal)
        return int(self.process.returncode)

    def wait(self, is_so: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait until `is_so`. Raises TimeoutError with what the worker said, also when it has ended."""
        assert self.process is not None
        try:
            services.wait_until(lambda: is_so() or self.process.poll() is not None, what, seconds)
            if not is_so():
                raise TimeoutError(f"the worker has ended: {what}")
        except TimeoutError as error:
            said = "\n".join(json.dumps(line) for line in self.lines())
            raise TimeoutError(f"{error}\n{self.stdout.read_text()}\n{said}") from None

    def lines(self) -> list[Line]:
        """Return every line of every slot. Raises ValueError for one that is not JSON."""
        return [
            json.loads(line)
            for path in sorted(self.log_directory.glob("*.jsonl"))
            for line in whole_lines(path.read_text())
        ]

    def task_lines(self, task_id: str, count: int = 1) -> list[Line]:
        """Wait for `count` lines about runs of a task, and return all that there are."""
        self.wait(lambda: len(self._told(task_id)) >= count, f"{count} lines about the task {task_id}")
        return self._told(task_id)

    def _told(self, task_id: str) -> list[Line]:
        lines = [line for line in self.lines() if line["event"]["dataset"] == "django.task"]
        return [line for line in lines if line["django"]["task"]["id"] == task_id]

    def lines_with(self, text: str) -> list[Line]:
        """Return the lines in which `text` stands anywhere."""
        return [line for line in self.lines() if text in json.dumps(line)]

    def wait_for_message(self, message: str, count: int = 1) -> list[Line]:
        """Wait for `count` lines with exactly this message."""

        def found() -> list[Line]:
            return [line for line in self.lines() if line["message"] == message]

        self.wait(lambda: len(found()) >= count, f"{count} lines that say {message!r}")
        return found()

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Ask the worker's metrics server, and return status and body."""
        request = urllib.request.Request(f"http://{HOST}:{self.metrics_port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def is_alive(self) -> bool:
        """Tell whether it answers a probe."""
        try:
            return self.get("/livez")[0] == 200
        except OSError:
            return False

    def sample(self, name: str, **labels: str) -> float:
        """Scrape, and return one sample; 0 where there is none."""
        status, body = self.get("/metrics", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        return sum(
            sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        )

    def slot_directory(self) -> Path:
        """Return the directory that the worker made for its slots."""
        (found,) = self.temporary_directory.glob("django-ops-*")
        return found

    def children(self) -> list[int]:
        """Return the process ids of the pool."""
        assert self.process is not None
        by_thread = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for children in by_thread for pid in children.read_text().split()]


@contextmanager
def running_worker(directory: Path, broker: Redis, queue: str, *options: str, **environment: str) -> Iterator[Worker]:
    """A worker that is stopped afterwards."""
    worker = Worker(directory, broker, queue)
    worker.environment |= environment
    try:
        worker.start(*options)
        yield worker
    finally:
        if worker.process is not None:
            worker.stop()
