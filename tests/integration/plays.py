"""Runs a scenario, a module of these tests, in a process of its own, and returns what it printed as JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 120


def play(module: str, *arguments: str, options: tuple[str, ...] = (), environment: dict[str, str] | None = None) -> Any:
    """Run `tests.integration.<module>` with this Python, and these options of it. It must end well."""
    result = subprocess.run(
        [sys.executable, *options, "-m", f"tests.integration.{module}", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
