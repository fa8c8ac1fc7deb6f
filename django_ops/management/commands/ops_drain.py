"""`manage.py ops_drain`: take this server out of its balancer before it is stopped."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_ops.conf import Configuration, conf
from django_ops.exceptions import DrainError
from django_ops.health import drain
from django_ops.health.watch import is_watched

#: `--status` says by its exit code that no drain file is there.
NOT_DRAINING = 1
#: What a shell reports of a command that Ctrl-C has ended.
INTERRUPTED = 130


class Command(BaseCommand):
    """Parses, calls `health.drain`, prints."""

    help = "Make /readyz answer 503 while requests are still served, wait, and return: then stop the server."
    requires_system_checks: list[str] = []  # a site whose settings have a mistake must be able to drain

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            "--wait", type=_seconds, metavar="SECONDS", help="wait so long (default: OPS_DRAIN_SECONDS; 0: do not wait)"
        )
        action.add_argument("--undo", action="store_true", help="answer 200 again")
        action.add_argument(
            "--status", action="store_true", help="print whether the drain file is there; exit code 0 if so, else 1"
        )
        parser.add_argument(
            "--master-pid", type=int, metavar="PID", help="drain only the server with this (master) process"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the one thing that was asked for.

        Raises CommandError, and exits with 1, when it cannot be done; with 130 when Ctrl-C takes the drain back.
        """
        try:
            if options["status"]:
                self._print_status()
            elif options["undo"]:
                self._undo()
            else:
                self._drain_unless_interrupted(options["master_pid"], options["wait"])
        except DrainError as error:
            raise CommandError(str(error)) from error

    def _print_status(self) -> None:
        path = drain.drain_file()
        watched = "a server looks at it" if is_watched(path) else "no running server looks at it"
        if not os.path.exists(path):
            raise CommandError(f"not draining: {path} is not there; {watched}", returncode=NOT_DRAINING)
        self.stdout.write(f"draining: {path} is there; {watched}")

    def _undo(self) -> None:
        removed = drain.end()
        self.stdout.write(f"{drain.drain_file()} {'is removed' if removed else 'was not there'}")

    def _drain_unless_interrupted(self, master_pid: int | None, wait_seconds: float | None) -> None:
        earlier = drain.earlier()
        try:
            self._drain(master_pid, wait_seconds)
        except KeyboardInterrupt:
            drain.restore(earlier)
            path = drain.drain_file()
            raise CommandError(
                f"interrupted: {path} is removed, the server is ready again. To drain without waiting: --wait 0"
                if earlier is None
                else f"interrupted: {path} was there before, and stays as it was. To remove it: --undo",
                returncode=INTERRUPTED,
            ) from None

    def _drain(self, master_pid: int | None, wait_seconds: float | None) -> None:
        path = drain.begin(master_pid)
        self.stdout.write(f"draining: {path} is written")
        if not is_watched(path):
            self.stderr.write(
                self.style.WARNING(
                    f"No running server that was probed looks at {path}. Does it run as this user, with the same"
                    " settings, TMPDIR and OPS_DRAIN_FILE, and without systemd's PrivateTmp?"
                )
            )
        self._wait(_default_seconds() if wait_seconds is None else wait_seconds)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (remaining_seconds := deadline - time.monotonic()) > 0:
            if self.stdout.isatty():
                self.stdout.write(f"\r{remaining_seconds:.0f} s left ", ending="")
                self.stdout.flush()
            time.sleep(min(1.0, remaining_seconds))
        if self.stdout.isatty():
            self.stdout.write("\r", ending="")
        self.stdout.write(f"waited for {seconds:g} s: the server can be stopped now")


def _default_seconds() -> float:
    setting = Configuration.OPS_DRAIN_SECONDS
    return conf.OPS_DRAIN_SECONDS if setting.problem(conf.OPS_DRAIN_SECONDS) is None else setting.default


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if Configuration.OPS_DRAIN_SECONDS.problem(seconds) is not None:
        raise ArgumentTypeError(f"must be a number of seconds, 0 or more, not {text!r}")
    return seconds
