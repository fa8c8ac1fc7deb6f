"""A server's master that recycles its workers, and then one worker that is scraped."""

from __future__ import annotations

import json
import os
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks import variants
from benchmarks.child import pin_to_one_cpu, serve

#: As many at a time as a small machine has workers.
WORKERS = 4

METHODS = ("GET", "GET", "GET", "POST", "HEAD")

SCRAPER = "127.0.0.1"

#: Lines are measured elsewhere.
QUIET = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "loggers": {
        name: {"handlers": ["null"], "propagate": False} for name in ("django", "django.request", "django_ops.request")
    },
}


def main() -> None:
    configuration = json.loads(sys.argv[1])
    where = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    set_up(configuration["variant"], Path(configuration["scratch"]))
    master = MASTERS[configuration["variant"]]()
    requests = requests_of_a_worker(configuration["requests"])
    application = make_application()

    started = time.monotonic()
    left = configuration["recycles"]
    while left:
        wave = [master.fork(lambda: work(application, requests)) for _ in range(min(WORKERS, left))]
        for child in wave:
            master.bury(child)
        left -= len(wave)
    recycled_seconds = time.monotonic() - started
    hello = {
        "recycled_seconds": recycled_seconds,
        "files": sum(1 for _ in where.glob("*.db")) + sum(1 for _ in where.glob("*.cells")),
    }
    master.bury(master.fork(lambda: be_scraped(application, hello)))


def set_up(variant: str, scratch: Path) -> None:
    import django
    from django.conf import settings

    configuration = variants.settings_for(variant, scratch)
    configuration |= {"ROOT_URLCONF": "benchmarks.scrape_site", "OPS_METRICS_NETWORKS": [SCRAPER], "LOGGING": QUIET}
    settings.configure(**configuration)
    django.setup()


def make_application():
    from django.core.handlers.wsgi import WSGIHandler

    return WSGIHandler()


def requests_of_a_worker(count: int) -> list[dict[str, Any]]:
    """Return the environs of what a worker serves: several views, methods and outcomes."""
    from benchmarks import traffic
    from benchmarks.scrape_site import SECTIONS

    environs = traffic.environs("sync")
    chosen = []
    for turn in range(count):
        environ = environs[turn % len(environs)].copy()
        environ["PATH_INFO"] = f"/{SECTIONS[turn % len(SECTIONS)]}/{turn}/"
        environ["REQUEST_METHOD"] = METHODS[turn % len(METHODS)]
        chosen.append(environ)
    return chosen


def work(application, requests: list[dict[str, Any]]) -> None:
    for environ in requests:
        call(application, {**environ, "wsgi.input": BytesIO()})


def call(application, environ: dict[str, Any]) -> tuple[str, bytes]:
    statuses = []
    body = application(environ, lambda status, headers, exc_info=None: statuses.append(status))
    content = b"".join(body)
    body.close()
    return statuses[0], content


class PeerMaster:
    """Does what prometheus_client's page on gunicorn says: `mark_process_dead` when a child has ended."""

    def fork(self, function) -> int:
        return fork(function)

    def bury(self, child: int) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        wait_for(child)
        mark_process_dead(child)


class OurMaster:
    """Does what django_ops.gunicorn does: a slot is reserved before the fork, and released when the child has ended."""

    def __init__(self) -> None:
        from django_ops.record import slot

        self.slot = slot
        slot.be_main()
        self.slots: dict[int, str] = {}

    def fork(self, function) -> int:
        label = self.slot.reserve_for_next_fork()
        child = fork(function)
        self.slots[child] = label
        return child

    def bury(self, child: int) -> None:
        wait_for(child)
        self.slot.release(self.slots.pop(child))


MASTERS = {variants.PROMETHEUS: PeerMaster, variants.OURS: OurMaster}


def fork(function) -> int:
    child = os.fork()
    if child:
        return child
    try:
        function()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def wait_for(child: int) -> None:
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"a worker ended with status {status}")


def be_scraped(application, hello: dict[str, Any]) -> None:
    """Answer scrapes through the view that Prometheus is given, as a worker would."""
    from benchmarks import traffic

    pin_to_one_cpu()
    environ = traffic.environs("sync")[0]
    for name in [name for name in environ if name.startswith("HTTP_")]:
        del environ[name]
    environ |= {"PATH_INFO": "/metrics", "QUERY_STRING": "", "REMOTE_ADDR": SCRAPER, "HTTP_HOST": "shop.example"}

    def scrape() -> dict[str, Any]:
        started = time.perf_counter_ns()
        status, content = call(application, {**environ, "wsgi.input": BytesIO()})
        duration_ms = (time.perf_counter_ns() - started) / 1e6
        assert status == "200 OK", status
        return {"ms": duration_ms, "bytes": len(content), "requests": requests_counted(content)}

    serve({"scrape": scrape}, hello)


def requests_counted(exposition: bytes) -> float:
    """Return how many requests the exposition knows of, scrapes excepted."""
    name = b"django_http_requests_total_by_view_transport_method_total{"
    return sum(
        float(line.split(b" ")[1])
        for line in exposition.splitlines()
        if line.startswith(name) and b"prometheus-django-metrics" not in line
    )


if __name__ == "__main__":
    main()
