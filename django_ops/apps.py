"""Wires the parts to Django when it starts."""

from typing import Any

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """The app `django_ops`; parts with models are apps of their own."""

    name = "django_ops"
    label = "ops"
    verbose_name = "django-ops"

    def __init__(self, app_name: str, app_module: Any) -> None:
        super().__init__(app_name, app_module)
        from django_ops.metrics import slots

        # now, as metrics are made where models are imported, and those of all apps are before `ready`
        slots.install()

    def ready(self) -> None:
        """Register the checks, and begin to count databases, caches and models."""
        from django_ops import checks, logs
        from django_ops.conf import Configuration
        from django_ops.metrics import caches, catalog, database, models
        from django_ops.record import redaction

        checks.register_all()
        redaction.configure(Configuration.OPS_LOG_HIDDEN_KEYS.required())
        logs.on_drop(lambda reason, count: catalog.LOG_RECORDS_DROPPED.inc(reason, amount=count))
        database.install()
        caches.install()
        models.install()
