"""Whether this process is alive, whether it is ready, and whether it is on its way out."""

from django_ops.health.check import Check

__all__ = ["Check"]
