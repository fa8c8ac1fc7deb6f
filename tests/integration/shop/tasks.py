"""Tasks that end in every way in which a task can end."""

import logging
import os
import signal
import sys
import time

from celery import Task, shared_task
from celery.exceptions import Ignore, Reject
from django.db import connection
from prometheus_client import Counter

logger = logging.getLogger("shop.tasks")

RESTS = Counter("shop_rests_total", "How often a worker rested.")


@shared_task(name="shop.greet")
def greet(name: str) -> str:
    logger.info("hello %s", name)
    return f"hello {name}"


@shared_task(name="shop.follow")
def follow(*results: object) -> str:
    logger.info("followed")
    return "followed"


@shared_task(name="shop.rest")
def rest(seconds: float) -> int:
    logger.info("resting")
    time.sleep(seconds)
    logger.info("rested")
    RESTS.inc()
    return os.getpid()


@shared_task(name="shop.rest_until")
def rest_until(path: str) -> None:
    """Rest until a file exists, a minute at most."""
    deadline = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.01)


@shared_task(name="shop.query")
def query(count: int) -> None:
    for number in range(count):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", [number])


@shared_task(name="shop.fail")
def fail(text: str) -> None:
    raise ValueError(text)


@shared_task(name="shop.retry_once", bind=True, max_retries=3)
def retry_once(self: Task, exception: str = "not yet") -> str:
    if self.request.retries == 0:
        raise self.retry(exc=KeyError(exception), countdown=0)
    logger.info("second try")
    return "done"


@shared_task(name="shop.reject")
def reject() -> None:
    raise Reject("not for me", requeue=False)


@shared_task(name="shop.ignore")
def ignore() -> None:
    raise Ignore


@shared_task(name="shop.exceed_hard_limit", time_limit=1)
def exceed_hard_limit() -> None:
    time.sleep(60)


@shared_task(name="shop.exceed_soft_limit", soft_time_limit=1)
def exceed_soft_limit() -> None:
    time.sleep(60)


@shared_task(name="shop.be_killed")
def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(name="shop.exit")
def exit_process() -> None:
    sys.exit(3)
