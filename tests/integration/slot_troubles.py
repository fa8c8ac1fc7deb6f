"""What can go wrong with slots.

`python -m tests.integration.slot_troubles SCENARIO` prints what came of it, as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings

settings.configure(OPS_METRICS_MIGRATIONS=False)

from prometheus_client import Counter  # noqa: E402

from django_ops.metrics import catalog, exposition, observe, slots, store  # noqa: E402
from django_ops.record import slot  # noqa: E402
from tests.integration.masters import (  # noqa: E402
    DEADLINE_SECONDS,
    Master,
    Worker,
    counter,
    define,
    gauge,
    read,
    serve,
    total,
)
from tests.unit.metrics.observed import request  # noqa: E402


def killed() -> Any:
    """Kill a worker amid a request, and look at the gauges before it is buried, after, and in its successor."""

    def begin() -> None:
        observe.request_began()
        gauge()

    master = Master()
    worker = master.fork(begin)
    other = master.fork(begin)
    worker.step()
    other.step()
    in_progress, running = "django_ops_http_requests_in_progress", "shop_running"
    found = [master.scrape()]
    worker.kill()
    found.append(master.scrape())
    master.bury(worker)
    found.append(master.scrape())
    successor = master.fork(begin)
    successor.step()
    found.append(master.scrape())
    for each in (other, successor):
        master.retire(each)
    found.append(master.scrape())
    return [(total(each, in_progress), total(each, running)) for each in found]


def killed_without_hooks() -> Any:
    """The same under a server that calls none of our hooks: nobody buries, nobody hands out."""

    def begin() -> str:
        observe.request_began()
        gauge()
        return slot.label()

    worker = Worker(begin)
    found = [worker.step()]
    worker.kill()
    scraper = Worker(read)  # takes the same slot
    seen = scraper.step()
    found += [total(seen, "django_ops_http_requests_in_progress"), total(seen, "shop_running")]
    scraper.wait()
    return found


def two_masters() -> Any:
    """Two masters in one directory, each with two workers: who has which slot, and what is counted."""

    def run() -> Any:
        master = Master()
        workers.extend(master.fork(serve) for _ in range(2))
        return [slot.label(), *(worker.step() for worker in workers)]

    def end() -> None:
        for worker in workers:
            worker.wait()

    workers: list[Worker] = []
    masters = [Worker(run, end), Worker(run, end)]
    labels = [label for master in masters for label in master.step()]
    scraper = Worker(lambda: (slot.label(), read()))
    label, seen = scraper.step()
    for master in masters:
        master.step()
    for each in (*masters, scraper):
        each.wait()
    return {"labels": [*labels, label], "requests": total(seen, "django_http_requests_before_middlewares_total")}


def restart() -> Any:
    """What a server finds that is started again in the directory of one that was killed."""

    def first() -> None:
        worker = Master().fork(serve)
        worker.step()
        worker.kill()

    server = Worker(first)
    server.step()
    server.kill()
    left = sorted(path.name for path in Path(os.environ[slot.DIRECTORY_VARIABLE]).iterdir())
    master = Master()
    return {
        "left": left,
        "wiped": master.files(),
        "requests": total(master.scrape(), "django_http_requests_before_middlewares_total"),
    }


def grandchild() -> Any:
    """A process that a worker forked outlives it, and gets the number that the worker had."""

    def fork_again() -> list[float]:
        counter()
        counter()
        begun, begins = os.pipe()
        if os.fork() == 0:
            os.write(begins, b"x")  # it has let go of the worker's lock
            # until the worker has ended, and its successor has counted in the slot and ended as well
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not (Path(os.environ["OPS_TEST_GO"])).exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            counter()
            Path(os.environ["OPS_TEST_DONE"]).write_text(slot.label())
            os._exit(0)
        os.read(begun, 1)
        return []

    worker = Worker(fork_again)
    worker.step()
    worker.wait()
    successor = Worker(lambda: counter() or slot.label())
    label = successor.step()
    successor.wait()
    Path(os.environ["OPS_TEST_GO"]).touch()
    done = Path(os.environ["OPS_TEST_DONE"])
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (done.exists() and done.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    scraper = Worker(read)
    seen = scraper.step()
    scraper.wait()
    return {"successor": label, "grandchild": done.read_text(), "orders": total(seen, "shop_orders_total")}


def begun_before_the_fork() -> Any:
    """A view forks, and both processes end its request."""

    def run() -> Any:
        observe.request_began()
        child = Worker(lambda: observe.observe_request(request()))
        child.step()
        observe.observe_request(request())
        seen = read()
        child.wait()
        return total(seen, "django_ops_http_requests_in_progress")

    worker = Master().fork(run)
    found = worker.step()
    worker.wait()
    return found


def full_disk() -> Any:
    """A worker goes on when its disk is full, and what it knew already is still counted for all to see."""

    def work() -> Any:
        serve()
        resource.setrlimit(resource.RLIMIT_FSIZE, (store.layout.INITIAL_BYTES, resource.RLIM_INFINITY))
        for number in range(2000):
            observe.request_began()
            observe.observe_request(request(view=f"view-{number}"))
            define("kinds", lambda: Counter("shop_kinds", "Kinds.", ["kind"])).labels(str(number)).inc()
        return True

    master = Master()
    worker = master.fork(work)
    went_on = worker.step()
    seen = master.scrape()
    master.retire(worker)
    return {
        "went_on": went_on,
        "requests": total(seen, "django_http_requests_before_middlewares_total"),
        "lost": total(seen, catalog.STORAGE_ERRORS.name),
        "views": total(seen, "django_http_requests_total_by_view_transport_method_total"),
    }


def unusable() -> Any:
    """Master and worker go on where the slot directory cannot be used."""
    master = Master()
    name = "django_http_requests_before_middlewares_total"
    worker = master.fork(lambda: (serve_without_a_slot(), total(read(), name)))
    found = worker.step()
    worker.wait()
    return {"label": worker.label, "answer": found, "status": len(exposition.expose("", "", [])[0]) > 0}


def serve_without_a_slot() -> bool:
    observe.request_began()
    observe.observe_request(request())
    counter()
    return True


if __name__ == "__main__":
    slots.install()
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()))
