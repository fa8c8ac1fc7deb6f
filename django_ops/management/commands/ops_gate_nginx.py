"""`manage.py ops_gate_nginx`: print what nginx has to know of the gate, or compare it with what nginx has."""

from __future__ import annotations

import difflib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_ops.access.gate.nginx import Surroundings, http_part, server_part
from django_ops.access.gate.registry import services
from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError

_DEFAULTS = Surroundings()


class Command(BaseCommand):
    """Parses, calls `access.gate.nginx`, prints."""

    help = "Print the nginx configuration of the internal UIs, made from OPS_GATE_SERVICES."
    requires_system_checks: list[str] = []  # an image is built without a database and without the secrets

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument("part", choices=("http", "server"), help="the block of nginx's configuration it is for")
        parser.add_argument(
            "--application",
            default=_DEFAULTS.application,
            help="where nginx finds Django: an address or a variable (default: %(default)s)",
        )
        parser.add_argument(
            "--scheme", default=_DEFAULTS.scheme, help="the variable with http or https (default: %(default)s)"
        )
        parser.add_argument(
            "--client", default=_DEFAULTS.client, help="the variable with the client's address (default: %(default)s)"
        )
        parser.add_argument(
            "--ca",
            default=_DEFAULTS.ca,
            help="the file with the certificates of those who may sign for UIs that speak https (default: %(default)s)",
        )
        parser.add_argument(
            "--check", metavar="FILE", type=Path, help="print nothing; exit with 1 and a diff if FILE is not the same"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print or compare. Raises CommandError, and exits with 1, when a setting or the file is wrong."""
        try:
            around = Surroundings(options["application"], options["scheme"], options["client"], options["ca"])
            if options["part"] == "http":
                text = http_part(services())
            else:
                text = server_part(services(), conf.OPS_GATE_AUTH_PATH, around)
        except ImproperlyConfiguredError as error:
            raise CommandError(str(error)) from error
        if options["check"] is None:
            self.stdout.write(text, ending="")
        else:
            self._compare(options["check"], text)

    def _compare(self, path: Path, text: str) -> None:
        try:
            there = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        difference = difflib.unified_diff(
            there.splitlines(keepends=True), text.splitlines(keepends=True), str(path), f"{path} (from the settings)"
        )
        shown = "".join(difference)
        if shown:
            self.stdout.write(shown, ending="")
            raise CommandError(f"{path} is not what OPS_GATE_SERVICES says. Make it again.")
