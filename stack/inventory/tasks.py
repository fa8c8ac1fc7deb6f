"""The inventory's background work."""

import logging

from celery import shared_task
from django.conf import settings

from stack.config import environment
from stack.inventory import report
from stack.provision.abandoned_logs import remove_abandoned

logger = logging.getLogger(__name__)


@shared_task
def recompute_report() -> int:
    """Compute the inventory's report anew; return its key."""
    stored = report.store()
    logger.info("Inventory report computed", extra={"servers": stored.content["totals"]["servers"]})
    return stored.pk


@shared_task
def remove_abandoned_logs() -> int:
    """Remove the log directories of containers that are long gone; return how many."""
    if "{hostname}" not in environment.text("DJANGO_LOG_DIR"):
        return 0  # the directories beside ours are of others
    removed = remove_abandoned(settings.LOG_DIR.parent)
    logger.info("Abandoned logs removed", extra={"directories": len(removed)})
    return len(removed)
