"""What happens to slots day by day.

`python -m tests.integration.slot_scenarios SCENARIO` prints what came of it, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings

settings.configure(
    OPS_METRICS_MIGRATIONS=False, INSTALLED_APPS=["tests.integration.early", "django_ops"], LOGGING_CONFIG=None
)


from prometheus_client.multiprocess import mark_process_dead  # noqa: E402

from django_ops.metrics import exposition, merge, observe, slots  # noqa: E402
from django_ops.record import slot  # noqa: E402
from tests.integration.masters import (  # noqa: E402
    Master,
    Worker,
    counter,
    preload,
    read,
    serve,
    total,
)
from tests.integration.services import wait_until  # noqa: E402
from tests.unit.metrics.observed import request  # noqa: E402


def recycle(times: int = 40, workers: int = 2) -> Any:
    """Recycle workers one after the other; look at the files and the exposition early, and at the end."""
    master = Master()
    living = [master.fork(serve) for _ in range(workers)]
    early: Any = None
    behind = []
    for turn in range(times):
        worker = living.pop(0)
        worker.step()
        master.retire(worker)
        living.append(master.fork(serve))
        if turn % 4 == 0:
            counted = total(master.scrape(), "shop_orders_total")
            if counted < turn + 1:
                behind.append(f"{counted} of {turn + 1}")
        if turn == 4:
            early = (master.files(), len(master.scrape()))
    late = (master.files(), len(master.scrape()))
    found = master.scrape()
    for worker in living:
        master.retire(worker)
    return {
        "early": early,
        "late": late,
        "behind": behind,
        "requests": total(found, "django_http_requests_before_middlewares_total"),
        "orders": total(found, "shop_orders_total"),
        "observations": total(found, "shop_seconds_count"),
    }


def recycle_preloaded() -> Any:
    """The same with an application that was loaded before the fork."""
    Master()
    preload()
    return recycle()


def labels() -> Any:
    """Return who has which slot: master, two workers, the replacement of the first, and a scraper."""
    master = Master()
    first, second = master.fork(serve), master.fork(serve)
    found = [slot.label(), first.step(), second.step()]
    master.retire(first)
    third = master.fork(serve)
    found.append(third.step())
    for worker in (second, third):
        master.retire(worker)
    return found


def made_in_models() -> Any:
    """A site without our server, whose metrics are made where its models are."""
    django.setup()
    from tests.integration.early.models import BOOKINGS

    BOOKINGS.inc()
    return sorted(path.name for path in Path(os.environ[slot.DIRECTORY_VARIABLE]).glob("*.db"))


def recycle_theirs() -> Any:
    """Do what prometheus_client's page on gunicorn says, for 20 workers: `mark_process_dead` when one has ended."""
    where = Path(os.environ[slot.DIRECTORY_VARIABLE])
    where.mkdir()
    found = []
    for _ in range(20):
        worker = Worker(serve)
        worker.step()
        worker.wait()
        mark_process_dead(worker.pid, str(where))
        found.append(len(list(where.glob("*.db"))))
    return found


def never_down() -> Any:
    """Scrape without a pause while workers count, invent series, and are recycled: no counter may ever fall."""

    def work() -> None:
        for number in range(400):
            observe.request_began()
            observe.observe_request(request(view=f"view-{number}-{os.getpid() % 5}"))
            counter()

    master = Master()
    preload()
    watched = (
        "django_http_requests_before_middlewares_total",
        "django_http_responses_total_by_status_view_method_total",
        "django_http_requests_latency_seconds_by_view_method",
        "shop_orders_total",
    )
    fell: list[str] = []
    scrapes = 0
    before = dict.fromkeys(watched, 0.0)

    def watch() -> Any:
        nonlocal scrapes
        while not done.exists():
            now = sums()
            scrapes += 1
            with scraped.open("ab") as file:
                file.write(b".")
            fell.extend(f"{name}: {before[name]} -> {now[name]}" for name in watched if now[name] < before[name])
            before.update(now)
        return {"fell": fell, "scrapes": scrapes, "requests": sums()[watched[0]], "orders": sums()[watched[3]]}

    def sums() -> dict[str, float]:
        found = dict.fromkeys(watched, 0.0)
        for key, vector in exposition.merged_vectors().items():
            if key[0] in found:
                found[key[0]] += sum(vector[:-1]) if len(vector) > 1 else vector[0]
        for metric in merge.of_others(merge.read_slots()):
            for sample in metric.samples:
                if sample.name in found:
                    found[sample.name] += sample.value
        return found

    def wait_for_scrapes(number: int) -> None:
        wanted = scraped.stat().st_size + number
        wait_until(lambda: scraped.stat().st_size >= wanted, f"{number} more scrapes")

    done, scraped = master.where / "done", master.where / "scraped"
    scraped.touch()
    watcher = master.fork(watch)
    watcher.begin_step()
    for _ in range(10):
        workers = [master.fork(work) for _ in range(2)]
        for worker in workers:
            worker.step()
        wait_for_scrapes(2)
        for worker in workers:
            master.retire(worker)
    done.touch()
    found = watcher.answer()
    master.retire(watcher)
    return found


def memory() -> Any:
    """Without a slot directory each process counts for itself, and a child begins at nothing."""
    serve()
    child = Worker(lambda: observe.request_began() or read())
    seen = child.step()
    child.wait()
    name = "django_http_requests_before_middlewares_total"
    return {"child": total(seen, name), "parent": total(read(), name)}


if __name__ == "__main__":
    if sys.argv[1] not in ("made_in_models", "recycle_theirs"):
        slots.install()
    sys.stdout.write(json.dumps(globals()[sys.argv[1]]()))
