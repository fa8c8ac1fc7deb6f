"""Where and with what the benchmarks run. As a program: prints the versions that its interpreter has, as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "django-ops",
    "django",
    "asgiref",
    "orjson",
    "prometheus-client",
    "python-json-logger",
    "django-prometheus",
    "django-structlog",
    "structlog",
    "django-password-validators",
    "django-password-history",
)


def processor(cpuinfo: str) -> str:
    """Return the processor's name from the text of /proc/cpuinfo."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine() or "unknown processor"


def machine() -> str:
    """Describe this machine, and how busy it is."""
    try:
        name = processor(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        name = platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, {platform.system()} {platform.release()}"


def load() -> str:
    """Return the load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def today() -> str:
    """Return the date, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def installed(python: Path) -> dict[str, str]:
    """Return the version of each package as `python` has it, and of `python` itself."""
    command = [str(python), "-P", "-m", "benchmarks.versions"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd="/")
    return json.loads(answer.stdout)


if __name__ == "__main__":
    print(json.dumps({"Python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}))
