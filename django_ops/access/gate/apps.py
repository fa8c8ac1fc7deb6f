"""The Django app of the gate, with the label `ops_gate`."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class GateConfig(AppConfig):
    """Adds the permissions that open the UIs, and forgets what users may do as soon as this process changes it."""

    name = "django_ops.access.gate"
    label = "ops_gate"
    verbose_name = "Internal UIs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the user model, groups and permissions only: other models save at the old speed."""
        from django_ops.access.gate import permissions, signals

        post_migrate.connect(permissions.create, sender=self, dispatch_uid="django_ops.access.gate.permissions")
        signals.connect()
