"""How gunicorn serves the site in a container. GUNICORN_CMD_ARGS overrides single settings."""

import os

from django_ops.gunicorn import *  # noqa: F403 - the hooks and the logger: slots, metrics, drain

bind = os.environ.get("BIND") or "0.0.0.0:8000"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# A slow page must not block the others; four threads per process share what Python's lock leaves.
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS") or 4)
# A worker's sign of life is a file, and a disk that is busy must not look like a worker that hangs.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - each container has its own
# Below nginx's proxy_read_timeout (60 s): the one who knows why ends a request that hangs.
timeout = 45
# With OPS_DRAIN_SECONDS (5) before it, shorter than stop_grace_period in compose.yml (45 s).
graceful_timeout = 30
# Recycling bounds what a leak can take; the jitter keeps the workers from leaving together.
max_requests = 10_000
max_requests_jitter = 1_000
# Otherwise all servers of a user share one socket in the home directory, which a container has not.
control_socket_disable = True
