"""Counts inserts, updates and deletes of the models that OPS_METRICS_MODELS names, by Django's signals.

Rows that are written without signals are not counted: `bulk_create`, `QuerySet.update`, raw SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from django_ops.conf import Configuration
from django_ops.metrics import catalog

_UID = "django_ops.metrics.models"

#: Models whose signals are connected. Each by itself, as a listener for all would have Django fetch every row
#: of a QuerySet.delete() of any model, to tell of it.
_connected: set[type[Model]] = set()


def install() -> None:
    """Count what the ORM's `save` and `delete` do to the named models from now on, and whenever others are named."""
    setting_changed.connect(_on_setting_changed, dispatch_uid=_UID)
    for model in _named_models():
        post_save.connect(_on_save, sender=model, dispatch_uid=_UID)
        post_delete.connect(_on_delete, sender=model, dispatch_uid=_UID)
        _connected.add(model)


def uninstall() -> None:
    """Count no more."""
    for model in _connected:
        post_save.disconnect(sender=model, dispatch_uid=_UID)
        post_delete.disconnect(sender=model, dispatch_uid=_UID)
    _connected.clear()


def _on_setting_changed(*, setting: str, **kwargs: Any) -> None:
    if setting == "OPS_METRICS_MODELS":
        uninstall()
        install()


def _named_models() -> Iterator[type[Model]]:
    """Yield the models that the setting names, and the proxies of theirs: those save to the same table."""
    names = {name.lower() for name in Configuration.OPS_METRICS_MODELS.usable()}
    for model in apps.get_models():
        if ("*" in names or _label(model) in names) and not _counts_itself(model):
            yield model


def _counts_itself(model: type[Model]) -> bool:
    """Tell whether the model has django-prometheus's mixin."""
    return any(base.__module__ == "django_prometheus.models" for base in model.__mro__)


def _label(model: type[Model]) -> str:
    return (model._meta.concrete_model or model)._meta.label_lower


def _on_save(sender: type[Model], created: bool, **kwargs: Any) -> None:
    (catalog.MODEL_INSERTS if created else catalog.MODEL_UPDATES).inc(_label(sender))


def _on_delete(sender: type[Model], **kwargs: Any) -> None:
    catalog.MODEL_DELETES.inc(_label(sender))
