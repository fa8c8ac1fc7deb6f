"""A real Flower with a password of its own, and a real worker that it watches."""

from __future__ import annotations

import http.client
import importlib.util
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.services import HOST, held_port, running
from tests.programs import MissingProgramError

ROOT = Path(__file__).parents[2]
PASSWORD = "monitor:a word of Flower's own"
WORKER = "gate@here"


@contextmanager
def start_worker(broker: str, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker, from the moment it says that it is ready."""
    directory.mkdir()
    command = _celery(
        broker, "worker", "--hostname", WORKER, "--pool", "solo", "--events", "--without-mingle", "--loglevel", "INFO"
    )
    log = directory / "output.log"
    with running(command, directory, lambda: b"ready." in log.read_bytes(), environment=_environment()) as process:
        yield process


@contextmanager
def start_flower(broker: str, directory: Path, prefix: str) -> Iterator[str]:
    """Run a Flower under this public prefix, and return its address. Raises MissingProgramError."""
    if importlib.util.find_spec("flower") is None:
        raise MissingProgramError("Flower", "python3-flower")
    directory.mkdir()
    port = held_port()
    options = {
        "address": HOST,
        "port": port,
        "url-prefix": prefix.strip("/"),
        "basic-auth": PASSWORD,
        "inspect-timeout": 2000,
    }
    command = _celery(broker, "flower", *(f"--{name}={value}" for name, value in options.items()))
    with running(command, directory, lambda: _answers(port, f"{prefix}healthcheck"), environment=_environment()):
        yield f"http://{HOST}:{port}"


@contextmanager
def flower_entry(broker: str, directory: Path) -> Iterator[dict[str, str]]:
    """Run a Flower, and return what OPS_GATE_SERVICES says of it. Raises MissingProgramError."""
    credentials = directory / "credentials"
    credentials.write_text(PASSWORD)
    with start_flower(broker, directory / "home", "/ops/flower/") as address:
        yield {"upstream": address, "credentials_file": str(credentials)}


def _celery(broker: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--broker", broker, *arguments]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": ""}


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path, headers={"Authorization": "Basic " + b64encode(PASSWORD.encode()).decode()})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
