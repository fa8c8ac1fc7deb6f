"""The permissions that open the UIs, made from the registry after each `migrate`."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.apps import apps as installed
from django.db import DEFAULT_DB_ALIAS, router

from django_ops.access.gate.registry import Service, services
from django_ops.exceptions import ImproperlyConfiguredError

logger = logging.getLogger("django_ops.access.gate")

APP = "ops_gate"


def wanted(every: Iterable[Service]) -> dict[str, str]:
    """Return the codename and the name of each permission of ours that the UIs ask for."""
    found: dict[str, str] = {}
    for service in every:
        for permission, name in service.named_permissions:
            label, _, codename = permission.partition(".")
            if label == APP:
                found.setdefault(codename, name[:255])
    return found


def create(using: str = DEFAULT_DB_ALIAS, apps: Any = installed, **kwargs: Any) -> None:
    """Make those that are missing; leave others alone, as somebody may have been given them.

    Called after `migrate`, with the apps as they are then. A registry that cannot be used makes none, and is for the
    checks to tell of.
    """
    try:
        codenames = wanted(services().values())
        permission_model = apps.get_model("auth", "Permission")
        content_type_model = apps.get_model("contenttypes", "ContentType")
    except (ImproperlyConfiguredError, LookupError) as error:
        logger.warning("No permissions are made for the internal UIs: %s", error)
        return
    if not codenames or not router.allow_migrate_model(using, permission_model):
        return
    content_type, _ = content_type_model.objects.using(using).get_or_create(app_label=APP, model="gate")
    there = permission_model.objects.using(using).filter(content_type_id=content_type.pk)
    known = set(there.values_list("codename", flat=True))
    permission_model.objects.using(using).bulk_create(
        [
            permission_model(content_type_id=content_type.pk, codename=codename, name=name)
            for codename, name in codenames.items()
            if codename not in known
        ],
        ignore_conflicts=True,  # of two migrations at once
    )
