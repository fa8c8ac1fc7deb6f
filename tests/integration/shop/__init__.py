"""A project with tasks, whose workers the tests start as their users do."""

from tests.integration.shop.celery import app as celery_app

__all__ = ["celery_app"]
