"""The inventory's background work."""

import logging

from celery import shared_task

from stack.inventory import report

logger = logging.getLogger(__name__)


@shared_task
def recompute_report() -> int:
    """Compute the inventory's report anew; return its key."""
    stored = report.store()
    logger.info("Inventory report computed", extra={"servers": stored.content["totals"]["servers"]})
    return stored.pk
