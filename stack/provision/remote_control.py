"""Lets a worker tell nobody its settings: `celery worker -I stack.provision.remote_control`, any project's application.

Whoever may ask workers what they do, as Flower and the celery-exporter may, may ask for their configuration as well.
Celery takes all of Django's settings for its own then, and hides what has a name such as PASSWORD: not the URLs of
CACHES and of the broker, which have the site's passwords in them.
"""

from __future__ import annotations

from typing import Any

from celery.worker.control import inspect_command


@inspect_command(name="conf", alias="dump_conf")
def conf(state: Any, **arguments: Any) -> dict[str, Any]:
    """Return no setting."""
    return {}


@inspect_command(name="report")
def report(state: Any, **arguments: Any) -> dict[str, str]:
    """Return no description of the software and its settings."""
    return {"ok": ""}
