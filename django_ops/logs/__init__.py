"""What happened, as one JSON line each: `LOGGING = logging_config()` is all that a project needs of it."""

from django_ops.logs.configuration import logging_config
from django_ops.logs.emit import emit_request, emit_task
from django_ops.logs.formatter import LineFormatter
from django_ops.logs.loss import dropped, on_drop

__all__ = ["LineFormatter", "dropped", "emit_request", "emit_task", "logging_config", "on_drop"]
