"""What the admin and the permissions of the UIs need: a model without a table."""

from django.db import models


class Gate(models.Model):
    """All UIs behind the gate: its content type has their permissions, its place in the admin leads to them."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = "internal UI"
        verbose_name_plural = "internal UIs"

    def __str__(self) -> str:
        return "Internal UIs"
