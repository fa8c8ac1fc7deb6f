"""A worker's processes: a slot for each, a directory for the slots, and metrics over HTTP from the parent."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from celery.signals import celeryd_init, worker_init, worker_shutdown

from django_ops.celery import server
from django_ops.celery.runs import is_pool_child
from django_ops.metrics import slots
from django_ops.record import slot, slot_directory


def prepare() -> None:
    """Provide the slot directory of a worker that is about to start, before anything else makes metrics."""
    if _is_worker_command(sys.argv) and not is_pool_child():
        slot_directory.provide()
    slots.install()


def connect() -> None:
    """Take part in a worker's start and end."""
    for signal, receiver in (
        (celeryd_init, _on_command),
        (worker_init, _on_init),
        (worker_shutdown, _on_shutdown),
    ):
        signal.connect(receiver, weak=False, dispatch_uid="django_ops.celery.worker")


def _is_worker_command(arguments: list[str]) -> bool:
    """Tell whether this process was started as `celery ... worker` or `python -m celery ... worker`."""
    program, *rest = arguments or [""]
    path = Path(program)
    if "worker" not in rest or not {"-D", "--detach"}.isdisjoint(rest):  # it only starts another one, as a daemon
        return False
    return path.name == "celery" or path.parts[-2:] == ("celery", "__main__.py")


def _on_command(instance: Any, **kwargs: Any) -> None:
    """Begin as the program `celery worker`, however it was started."""
    slot_directory.provide()
    slot_directory.take_over()  # it may have become a daemon since
    slots.install()
    if not sys.stdout.isatty():
        instance.quiet = True  # the banner is not JSON, and whoever collects stdout expects that of each line
    # Celery warns with the traceback that the task's line has
    warnings.filterwarnings("ignore", "Exception raised outside body", RuntimeWarning)


def _on_init(sender: Any, **kwargs: Any) -> None:
    """Empty the slot directory and serve; the parent of a prefork pool runs no task and takes no number."""
    if is_prefork(sender.pool_cls):
        slot.be_main()
    where = slot.directory()
    if where is not None:
        slots.wipe(where)
    # not when the worker is ready: while its broker is away, a probe would restart it for ever
    server.start()


def is_prefork(pool: Any) -> bool:
    """Tell whether a worker's pool, by its name or class, is one of processes."""
    # not imported to find out: gevent must patch first
    name = (pool if isinstance(pool, str) else pool.__module__).partition(":")[0]
    return name.rpartition(".")[2] in ("prefork", "processes")


def _on_shutdown(**kwargs: Any) -> None:
    # not only at exit: a worker that restarts itself (SIGHUP) never gets there
    server.stop()
    slot_directory.remove()
