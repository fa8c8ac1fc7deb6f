"""One model: counted by django-prometheus's mixin there, and by a setting here."""

from django.conf import settings
from django.db import models

if settings.WATCHED_BY == "theirs":
    from django_prometheus.models import ExportModelOperationsMixin

    Counted: type = ExportModelOperationsMixin("item")
else:

    class Counted:
        """Nothing: a model stays as it is."""


class Item(Counted, models.Model):
    """A thing with a name."""

    name = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.name
