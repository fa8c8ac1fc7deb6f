"""What Celery needs: put `import django_ops.celery` into the project's `celery.py`.

From then on the publisher's request id and trace reach the task's lines, each run of a task gives one line and
one observation, Celery's own messages go through the site's log, and a worker has slots and serves its metrics.
"""

from django_ops.extras import require

require("celery")  # first: without the extra, the error says what to install

from django_ops.celery.wiring import connect  # noqa: E402

connect()
