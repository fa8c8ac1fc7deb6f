"""Declares the demo."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """The demo's application; only installed with DEMO=1."""

    name = "stack.demo"
    label = "demo"
    verbose_name = "Demo"
