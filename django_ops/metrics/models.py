"""Counts inserts, updates and deletes of the models that OPS_METRICS_MODELS names, by Django's signals."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from django_ops.conf import conf
from django_ops.metrics import catalog


def install() -> None:
    """Count what the ORM's `save` and `delete` do from now on."""
    post_save.connect(_on_save, dispatch_uid="django_ops.metrics.models")
    post_delete.connect(_on_delete, dispatch_uid="django_ops.metrics.models")


def uninstall() -> None:
    """Stop counting: a signal without receivers costs nothing, and lets a queryset delete without fetching."""
    post_save.disconnect(dispatch_uid="django_ops.metrics.models")
    post_delete.disconnect(dispatch_uid="django_ops.metrics.models")


def _is_counted(model: type[Model]) -> bool:
    names = conf.OPS_METRICS_MODELS
    return "*" in names or model._meta.label in names or model._meta.label_lower in names


def _on_save(sender: type[Model], created: bool, **kwargs: Any) -> None:
    if _is_counted(sender):
        (catalog.MODEL_INSERTS if created else catalog.MODEL_UPDATES).inc(sender._meta.label_lower)


def _on_delete(sender: type[Model], **kwargs: Any) -> None:
    if _is_counted(sender):
        catalog.MODEL_DELETES.inc(sender._meta.label_lower)
