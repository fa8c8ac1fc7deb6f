"""A process that a benchmark drives: one JSON object a line on its standard input and output."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

Answer = dict[str, Any]


class ChildError(Exception):
    """A driven process ended, or did not answer in time; the text has what it wrote to its standard error."""


class Child:
    """The driver's end. Use as a context manager: leaving it ends the process."""

    def __init__(
        self,
        python: Path,
        module: str,
        configuration: dict[str, Any],
        scratch: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = f"{module} {configuration}"
        scratch.mkdir(parents=True, exist_ok=True)
        self._errors = scratch / "stderr"
        # -P: the folder that one stands in is not on the path, so that the installed package is measured
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [str(python), "-P", "-m", module, json.dumps({**configuration, "scratch": str(scratch)})],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=scratch,
                env={"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0", **(environment or {})},
            )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.stdin.close()  # its loop ends with its input
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, timeout_seconds: float = 120, **question: Any) -> Answer:
        """Send `question` and return the answer. Raises ChildError."""
        self.send(**question)
        return self.answer(timeout_seconds)

    def send(self, **question: Any) -> None:
        """Send `question` without waiting for the answer."""
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("ended") from None

    def answer(self, timeout_seconds: float = 120) -> Answer:
        """Wait for the next line and return it. Raises ChildError."""
        deadline = time.monotonic() + timeout_seconds
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._failure(f"gave no answer in {timeout_seconds:g} s")
                part = os.read(self._process.stdout.fileno(), 65536)
                if not part:
                    raise self._failure("ended")
                line += part
        return json.loads(line)

    def _failure(self, what: str) -> ChildError:
        said = self._errors.read_text(encoding="utf-8", errors="replace")[-4000:]
        return ChildError(f"{self.name} {what}. It wrote:\n{said}")


def take_standard_output(instead: int = 2) -> TextIO:
    """Return standard output as it is, for the answers alone, and let whatever prints write to `instead`."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(instead, 1)
    return answers


def serve(handlers: dict[str, Callable[..., Answer]], hello: Answer, answers: TextIO | None = None) -> None:
    """Be the driven end: say `hello`, then answer each question `{"do": name, ...}` until the input ends."""
    answers = answers or take_standard_output()
    print(json.dumps(hello), file=answers, flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(handlers[question.pop("do")](**question)), file=answers, flush=True)


def pin_to_one_cpu() -> int | None:
    """Keep this process and its threads on the last CPU that it may use, and return its number."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    cpu = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpu})
    return cpu
