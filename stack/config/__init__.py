"""How the reference project is configured and started."""

from stack.config.celery import app as celery_app

__all__ = ["celery_app"]
