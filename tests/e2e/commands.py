"""Runs programs with a deadline, and waits for things with one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
#: Where a failed run leaves what it found: logs, states.
KEPT = ROOT / "var" / "e2e"

#: Others compile and test on the same two cores: a deadline is ten times what is enough, and at most ten minutes.
PATIENCE, PATIENT_SECONDS = 10, 600

T = TypeVar("T")


class CommandFailed(AssertionError):  # noqa: N818 - the end of a test is a failed one
    """A program ended with another status than 0; the text is its command and the end of its output."""

    def __init__(self, command: tuple[str, ...], status: int, output: str) -> None:
        super().__init__(f"{' '.join(command)} exits with {status}:\n{output[-4000:]}")
        self.status = status
        self.output = output


def run(
    *command: str,
    timeout: float = 60,
    check: bool = True,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder`, the top of the repository, with `text` as its input. Raises CommandFailed.

    Raises subprocess.TimeoutExpired where it takes longer than `timeout` seconds on an idle machine may become here.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        input=text if text is not None else "",
        capture_output=True,
        text=True,
        errors="replace",
        timeout=patient(timeout),
        check=False,
    )
    if check and done.returncode:
        raise CommandFailed(command, done.returncode, done.stdout + done.stderr)
    return done


def docker(*arguments: str, timeout: float = 60, check: bool = True, text: str | None = None) -> str:
    """Run docker and return its output. Raises CommandFailed."""
    return run("docker", *arguments, timeout=timeout, check=check, text=text).stdout


def patient(seconds: float) -> float:
    """Return how long to wait here for what takes `seconds` at most on a machine that does nothing else."""
    return max(seconds, min(PATIENCE * seconds, PATIENT_SECONDS))


def wait_for(what: str, ask: Callable[[], T], seconds: float, every_seconds: float = 0.2) -> T:
    """Return what `ask` returns once that is true; `seconds` is what an idle machine takes at most.

    Raises AssertionError after a time that a busy one is given, saying what it waited for.
    """
    waited_seconds = patient(seconds)
    deadline = time.monotonic() + waited_seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {waited_seconds:g} s in vain for {what}; at last: {answer!r}")
        time.sleep(every_seconds)
