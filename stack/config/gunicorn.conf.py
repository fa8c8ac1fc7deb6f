"""How gunicorn serves the reference project: `gunicorn -c stack/config/gunicorn.conf.py`."""

import os
from typing import Any

from django_ops.gunicorn import *  # noqa: F403 - the hooks and the logger: slots, metrics, drain

wsgi_app = "stack.config.wsgi:application"
bind = os.environ.get("BIND") or "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# A slow page must not block the others, and a kept-alive connection must not hold a worker.
worker_class = "gthread"
threads = 4
# Recycling bounds what a leak can take; the jitter keeps the workers from leaving together.
max_requests = 10_000
max_requests_jitter = 1_000
# Otherwise all servers of a user share one socket in the home directory.
control_socket_disable = True


def post_fork(server: Any, worker: Any) -> None:
    """Leave Ctrl-C to the master from the first moment: a worker that is still loading would be told to quit twice.

    A terminal sends SIGINT to the whole process group, so the workers get a group of their own.
    """
    os.setpgid(0, 0)
