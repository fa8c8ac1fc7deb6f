"""A worker's processes: a slot for each, a directory for the slots, and metrics over HTTP from the parent."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from celery.signals import celeryd_init, worker_init, worker_ready, worker_shutdown

from django_ops.celery import server
from django_ops.celery.runs import is_pool_child
from django_ops.metrics import slots
from django_ops.record import slot

#: Names the slot directory that a server made for itself: another one that inherits the environment makes another.
_OWN_VARIABLE = "DJANGO_OPS_OWN_SLOTS"

_owner_pid = 0  # the process that removes the directory again


def prepare() -> None:
    """Provide the slot directory of a worker that is about to start, before anything else makes metrics."""
    if _is_worker_command(sys.argv) and not is_pool_child():
        _provide_directory()
    slots.install()


def connect() -> None:
    """Take part in a worker's start and end."""
    for signal, receiver in (
        (celeryd_init, _on_command),
        (worker_init, _on_init),
        (worker_ready, _on_ready),
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


def _provide_directory() -> None:
    """Make a slot directory where the environment names none."""
    global _owner_pid
    given = os.environ.get(slot.DIRECTORY_VARIABLE)
    if _owner_pid or (given and given != os.environ.get(_OWN_VARIABLE)):
        return
    made = tempfile.mkdtemp(prefix="django-ops-")
    os.environ[slot.DIRECTORY_VARIABLE] = os.environ[_OWN_VARIABLE] = made
    _owner_pid = os.getpid()
    atexit.register(_remove_directory)


def _remove_directory() -> None:
    if os.getpid() == _owner_pid:
        shutil.rmtree(os.environ[_OWN_VARIABLE], ignore_errors=True)


def _on_command(instance: Any, **kwargs: Any) -> None:
    """Begin as the program `celery worker`, however it was started."""
    global _owner_pid
    _provide_directory()
    if _owner_pid:
        _owner_pid = os.getpid()  # it may have become a daemon since
    slots.install()
    if not sys.stdout.isatty():
        instance.quiet = True  # the banner is not JSON, and whoever collects stdout expects that of each line
    # Celery warns with the traceback that the task's line has
    warnings.filterwarnings("ignore", "Exception raised outside body", RuntimeWarning)


def _on_init(sender: Any, **kwargs: Any) -> None:
    """Empty the slot directory; the parent of a prefork pool runs no task and takes no number."""
    if is_prefork(sender.pool_cls):
        slot.be_main()
    where = slot.directory()
    if where is not None:
        slots.wipe(where)


def is_prefork(pool: Any) -> bool:
    """Tell whether a worker's pool, by its name or class, is one of processes."""
    # not imported to find out: gevent must patch first
    name = (pool if isinstance(pool, str) else pool.__module__).partition(":")[0]
    return name.rpartition(".")[2] in ("prefork", "processes")


def _on_ready(**kwargs: Any) -> None:
    """Serve the metrics; Celery says that it is ready again whenever it has lost its broker and found it."""
    server.start()


def _on_shutdown(**kwargs: Any) -> None:
    # not only at exit: a worker that restarts itself (SIGHUP) never gets there
    server.stop()
    _remove_directory()
