"""Connects the parts to Celery's signals, once per process."""

from django_ops.celery import lines, parent, publisher, runs, worker


def connect() -> None:
    """Take part in all that Celery does in this process."""
    worker.prepare()  # first: prometheus_client looks for the slot directory when a metric is made
    publisher.connect()
    runs.connect()
    parent.connect()
    lines.connect()
    worker.connect()
