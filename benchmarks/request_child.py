"""One variant of the site in one warm process, which serves rounds of requests and says how long they took."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import traffic
from benchmarks.child import pin_to_one_cpu, serve, take_standard_output
from benchmarks.variants import LINES_PER_REQUEST, settings_for


def main() -> None:
    configuration = json.loads(sys.argv[1])
    scratch = Path(configuration["scratch"])
    answers = take_standard_output(reader_of_a_pipe(scratch / "out.log") if configuration["pipe"] else 2)
    cpu = pin_to_one_cpu()  # after the reader, which has another one

    import django
    from django.conf import settings

    settings.configure(**settings_for(configuration["variant"], scratch, pipe=configuration["pipe"]))
    django.setup()
    driver = make_driver(configuration["interface"], configuration["view"])
    if configuration["view"] == "stored":
        fill_database()
    driver.check()
    lines_per_request = LINES_PER_REQUEST[configuration["variant"]]
    take_lines(scratch, lines_per_request)

    def round_(count: int) -> dict[str, Any]:
        wall, processor = time.perf_counter_ns(), time.process_time_ns()
        driver.serve(count)
        wall, processor = time.perf_counter_ns() - wall, time.process_time_ns() - processor
        lines = take_lines(scratch, count * lines_per_request)
        assert lines == count * lines_per_request, f"{lines} log lines for {count} requests"
        return {"wall_us": wall / count / 1000, "processor_us": processor / count / 1000}

    serve({"round": round_}, {"cpu": cpu}, answers)


def make_driver(interface: str, view: str):
    if interface == "wsgi":
        from django.core.handlers.wsgi import WSGIHandler

        return traffic.WsgiDriver(WSGIHandler(), view)
    from django.core.handlers.asgi import ASGIHandler

    # the default loop: every variant would gain by uvloop, and by the same amount
    return traffic.AsgiDriver(ASGIHandler(), view, asyncio.Runner())


def fill_database() -> None:
    from django.db import connection

    from benchmarks.site import CREATE, INSERT

    with connection.cursor() as cursor:
        cursor.execute(CREATE)
        cursor.executemany(INSERT, [[number + 1] for number in range(traffic.DIFFERENT)])


def reader_of_a_pipe(path: Path) -> int:
    """Start what appends all that comes through a pipe to `path`, as a log driver; return where to write."""
    reader, writer = os.pipe()
    with path.open("ab") as file:
        subprocess.Popen(["cat"], stdin=reader, stdout=file)  # ends with the last writer, this process
    os.close(reader)
    return writer


def take_lines(scratch: Path, wanted: int) -> int:
    """Count the log lines that were written, and empty the files (all are opened for appending).

    Waits for as many as `wanted`: a pipe's reader may not have come so far.
    """
    lines = 0
    deadline = time.monotonic() + 10
    while True:
        for path in (*scratch.glob("*.log"), *scratch.glob("*.jsonl")):
            with path.open("r+b") as file:
                lines += sum(part.count(b"\n") for part in iter(lambda f=file: f.read(1 << 20), b""))
                file.truncate(0)
        if lines >= wanted or time.monotonic() > deadline:
            return lines
        time.sleep(0.001)


if __name__ == "__main__":
    main()
