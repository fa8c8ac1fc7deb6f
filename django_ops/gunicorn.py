"""What gunicorn needs: put `from django_ops.gunicorn import *` at the top of `gunicorn.conf.py`.

Gives each worker a slot before it is forked, empties the slot directory at start, drains before the listener
closes, and sends gunicorn's own messages through the site's log. A hook of your own with the same name replaces
ours: call ours from it, as in `django_ops.gunicorn.child_exit(server, worker)`.
"""

from __future__ import annotations

import logging
import logging.config
import os
import signal
import sys
from types import SimpleNamespace
from typing import Any

from gunicorn import glogging

from django_ops.exceptions import SlotError
from django_ops.health import gunicorn_drain
from django_ops.logs import logging_config, service, site
from django_ops.logs.console import ConsoleHandler, FileAndConsoleHandler
from django_ops.logs.standard_output import StandardOutputHandler
from django_ops.logs.terminal import TerminalHandler
from django_ops.metrics import slots
from django_ops.record import slot, slot_directory

__all__ = [
    "accesslog", "child_exit", "logger_class", "on_starting", "post_worker_init", "pre_fork", "pre_request",
    "when_ready",
]  # fmt: skip

accesslog = None  # one line per request is ours to write

_SEEN = (StandardOutputHandler, ConsoleHandler, FileAndConsoleHandler)

_master_pid = 0
_handed_out: set[str] = set()  # slots of workers that have not been seen to end


slot_directory.provide()  # before anything imports prometheus_client, which reads the variable once
slots.install()


def _become_master(cfg: Any) -> None:
    """Empty the slot directory of what an earlier server left, and mark this process as a server's master.

    Raises RuntimeError, whose text gunicorn prints before it ends, if the workers could not write to the slot
    directory.
    """
    global _master_pid
    if _master_pid == os.getpid():
        return
    slot_directory.take_over()  # it may have become a daemon since
    _master_pid = os.getpid()
    try:
        # as gunicorn does it: without --initgroups, or a group, its workers keep the further groups of root
        slot_directory.hand_over(cfg.uid, cfg.gid, has_own_groups=bool(cfg.initgroups and cfg.gid))
    except SlotError as error:
        raise RuntimeError(str(error)) from error
    slot.be_main()
    where = slot.directory()
    if where is not None:
        slots.wipe(where)


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's messages as lines of the site's log, in the place of `errorlog` and syslog; no access log.

    Where the site's log goes elsewhere than to the terminal, what the master and a worker that cannot boot say at
    ERROR is said on standard error as well.
    """

    def setup(self, cfg: Any) -> None:
        """Configure logging as the site does. gunicorn calls this in the master: at start, and at each HUP."""
        _become_master(cfg)  # here, as a preloaded application comes next
        super().setup(cfg)
        log = self.error_log
        self.own = [handler for handler in log.handlers if getattr(handler, "_gunicorn", False)]
        if cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json:
            self.own = []
            return  # told how to log by its own settings
        log.handlers, log.propagate = [], True
        _configure_as_the_site()
        if not log.hasHandlers():  # the site has none for this logger that a master can use
            log.handlers, log.propagate = self.own, False
        elif not _reaches_a_terminal(log):
            self.own = [_for_errors()]
            log.handlers += self.own

    def join_the_site(self) -> None:
        """Speak through the site's handlers, all of which a worker that has loaded the site can use."""
        log = self.error_log
        log.disabled = False  # as LOGGING does to what it does not name, where it is not told otherwise
        if self.own and log.handlers == self.own and logging.getLogger().handlers:
            log.handlers, log.propagate = [], True

    @property
    def access_log_enabled(self) -> bool:
        """Whether gunicorn writes a line per request: never, as ours is written when the body is closed."""
        return False

    def access(self, *args: Any, **kwargs: Any) -> None:
        """Write nothing."""


logger_class = Logger


def _configure_as_the_site() -> None:
    """Log as LOGGING of the site's settings says, or to stdout where there is none or it cannot be used.

    Where the settings cannot be read, the workers will fail as well, and say so through this log.
    """
    module_name = os.environ.get("DJANGO_SETTINGS_MODULE")
    found = site.read(module_name) if module_name else site.Site()
    service.take_from(SimpleNamespace(**(found.service or {})))
    problem: str | BaseException = found.problem
    if found.logging is not None:
        try:
            logging.config.dictConfig(found.logging)
            return
        except Exception as error:
            problem = error
    logging.config.dictConfig(site.for_a_master(logging_config()))
    if problem:
        logging.getLogger(__name__).info("LOGGING of %s cannot be used here: %s", module_name, problem)


def _for_errors() -> logging.Handler:
    handler = TerminalHandler()
    handler._gunicorn = True  # type: ignore[attr-defined] # or the next setup would keep it
    return handler


def _reaches_a_terminal(log: logging.Logger) -> bool:
    """Tell whether a record is written to standard output or error, which whoever starts the server looks at."""
    logger: logging.Logger | None = log
    while logger is not None:
        for handler in logger.handlers:
            stream = getattr(handler, "stream", None)
            if isinstance(handler, _SEEN) or (stream and stream in (sys.stdout, sys.stderr)):
                return True
        logger = logger.parent if logger.propagate else None
    return False


def on_starting(server: Any) -> None:
    """Begin as a master where another logger than ours was chosen."""
    _become_master(server.cfg)


def when_ready(server: Any) -> None:
    """From now on SIGTERM drains first."""
    gunicorn_drain.install_gunicorn_drain(server)


def pre_fork(server: Any, worker: Any) -> None:
    """Hand a slot to the worker that is forked next."""
    # where a hook replaced our child_exit, nobody told of those that have ended
    for label in _handed_out - {getattr(living, "ops_slot", None) for living in server.WORKERS.values()}:
        _take_back(label)
    worker.ops_slot = slot.reserve_for_next_fork()
    if worker.ops_slot is not None:
        _handed_out.add(worker.ops_slot)


def post_worker_init(worker: Any) -> None:
    """Log as the site, tell the master how long to drain, and let a worker of threads quit between two events."""
    if isinstance(worker.log, Logger):
        worker.log.join_the_site()
    if getattr(worker, "method_queue", None) is not None:  # gthread, but not of old gunicorns
        _quit_between_events(worker)
    gunicorn_drain.worker_ready(worker)


def _quit_between_events(worker: Any) -> None:
    """Make SIGINT and SIGQUIT wait for the worker's main loop, which looks at once.

    gunicorn's handler takes the lock of the thread pool, and waits for ever where it interrupts who holds it: the
    main thread that hands over a request, or the same handler, as a terminal sends SIGINT to the whole process
    group and the master sends SIGQUIT to its workers.
    """

    def quit_soon(number: int, frame: Any) -> None:
        worker.method_queue.defer(worker.handle_quit, number, frame)

    signal.signal(signal.SIGINT, quit_soon)
    signal.signal(signal.SIGQUIT, quit_soon)


def pre_request(worker: Any, request: Any) -> None:
    """Close the connection after this request while the server drains."""
    gunicorn_drain.close_connection(worker, request)


def child_exit(server: Any, worker: Any) -> None:
    """Take the slot of a worker that has ended, however it ended, for the next one."""
    label = getattr(worker, "ops_slot", None)
    if label is not None:
        _take_back(label)


def _obey_at_once() -> None:
    """Let a signal end a new worker until it has handlers of its own.

    It begins with its master's, which only take note for the master's loop: what the master sends to a worker
    just forked was lost, and the master waited for it in vain until its time-out.
    """
    if os.getppid() == _master_pid:
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=_obey_at_once)


def _take_back(label: str) -> None:
    _handed_out.discard(label)
    slots.forget(label)
    slot.release(label)
