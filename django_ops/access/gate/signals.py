"""What makes each process forget at once what users may open: this one by itself, others as they share the cache.

Those that share none, and what is changed without a signal (`QuerySet.update`), count after OPS_GATE_CACHE_SECONDS.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save

from django_ops.access.gate import changes
from django_ops.access.gate.people import memory

_ID = "django_ops.access.gate.signals"


def connect() -> None:
    """Listen to users, their proxies and children, to groups and permissions, and to who is given what."""
    user_model = get_user_model()
    models: list[type[Model]] = [model for model in apps.get_models() if issubclass(model, user_model)]
    throughs = [field.remote_field.through for field in user_model._meta.many_to_many if field.name in _GIVEN]
    if apps.is_installed("django.contrib.auth"):
        group, permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
        models += [group, permission]
        throughs.append(group._meta.get_field("permissions").remote_field.through)
    for model in models:
        post_save.connect(_on_save, sender=model, dispatch_uid=_ID)
        post_delete.connect(_on_change, sender=model, dispatch_uid=_ID)
    for through in throughs:
        m2m_changed.connect(_on_change, sender=through, dispatch_uid=_ID)
        post_save.connect(_on_change, sender=through, dispatch_uid=_ID)
        post_delete.connect(_on_change, sender=through, dispatch_uid=_ID)


_GIVEN = ("groups", "user_permissions")


def _on_save(using: str, update_fields: Any = None, **kwargs: Any) -> None:
    if update_fields is None or set(update_fields) != {"last_login"}:  # each sign-in saves that
        _on_change(using)


def _on_change(using: str, **kwargs: Any) -> None:
    memory.clear()
    # whoever looks before that finds, and remembers, what was
    transaction.on_commit(changes.tell, using=using, robust=True)
