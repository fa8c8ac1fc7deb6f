"""Declares the inventory."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """The inventory's application."""

    name = "stack.inventory"
    label = "inventory"
    verbose_name = "Server inventory"
