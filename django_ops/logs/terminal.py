"""Text for whoever looks at a server's terminal, `docker logs` or journald, where the lines go to files."""

from __future__ import annotations

import logging

from django_ops.logs.console import FileAndConsoleHandler, clean
from django_ops.record.redaction import mask_text


class TerminalHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes errors to standard error that are not there already: in development the console shows all records."""

    def __init__(self) -> None:
        super().__init__()
        self.setLevel(logging.ERROR)
        self.setFormatter(TerminalFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, unless the root's handler has a console."""
        if not any(isinstance(handler, FileAndConsoleHandler) for handler in logging.getLogger().handlers):
            super().emit(record)


class TerminalFormatter(logging.Formatter):
    """A record as servers write it, its traceback in lines below, without secrets and control characters."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s [%(process)d] [%(levelname)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the text."""
        return clean(mask_text(super().format(record)))
