"""Declares the inventory."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class InventoryConfig(AppConfig):
    """The inventory's application."""

    name = "stack.inventory"
    label = "inventory"
    verbose_name = "Server inventory"

    def ready(self) -> None:
        """Ask the first administrator to change the generated password."""
        from stack.inventory.accounts import ask_for_another_password

        user_logged_in.connect(ask_for_another_password, dispatch_uid="stack.inventory")
