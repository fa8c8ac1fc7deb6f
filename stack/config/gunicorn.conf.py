"""How gunicorn serves the reference project: `gunicorn -c stack/config/gunicorn.conf.py`."""

import os
import signal
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
    """Leave Ctrl-C to the master, which sends its workers SIGQUIT.

    A terminal sends SIGINT to the whole process group, and a gthread worker that is told to quit twice waits
    for itself until it is killed, half a minute later. So the workers get a group of their own.
    """
    os.setpgid(0, 0)


def obey_at_once() -> None:
    """Let a signal end a new worker until it has handlers of its own.

    It begins with the master's, which only take note for the master's loop: what the master sends to a worker
    just forked was lost, and the master waited for it in vain, half a minute.
    """
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


os.register_at_fork(after_in_child=obey_at_once)
