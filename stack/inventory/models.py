"""What is in the inventory. What must always hold is a constraint of the database."""

from __future__ import annotations

from typing import Any

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

is_hostname = RegexValidator(
    r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z",
    "Use small letters, digits and hyphens; begin and end with a letter or digit.",
)


class DataCentre(models.Model):
    """A building with servers in it."""

    code = models.SlugField(max_length=12, unique=True, help_text="Short, as in hostnames: ams1")
    name = models.CharField(max_length=80, unique=True)
    city = models.CharField(max_length=80)

    class Meta:
        ordering = ["code"]
        verbose_name = "data centre"

    def __str__(self) -> str:
        return self.name


class Environment(models.Model):
    """What servers are for: production, staging, ..."""

    slug = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=40, unique=True)
    rank = models.PositiveSmallIntegerField(default=100, help_text="Lower ones are listed first.")

    class Meta:
        ordering = ["rank", "slug"]

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word by which servers are found."""

    name = models.SlugField(max_length=30, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ServerQuerySet(models.QuerySet["Server"]):
    """Servers, and the ways to look at them."""

    def with_relations(self) -> ServerQuerySet:
        """Load what a list shows of each server in two queries, however many servers there are."""
        return self.select_related("data_centre", "environment").prefetch_related("tags")

    def search(self, words: str) -> ServerQuerySet:
        """Keep the servers in which each of the `words` is found: hostname, address, system or notes."""
        found = self
        for word in words.split()[:8]:
            found = found.filter(
                Q(hostname__icontains=word)
                | Q(address__icontains=word)
                | Q(operating_system__icontains=word)
                | Q(notes__icontains=word)
            )
        return found


class Server(models.Model):
    """One server, physical or virtual."""

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        ACTIVE = "active", "Active"
        MAINTENANCE = "maintenance", "In maintenance"
        RETIRED = "retired", "Retired"

    hostname = models.CharField(max_length=63, unique=True, validators=[is_hostname])
    address = models.GenericIPAddressField("IP address", unique=True)
    data_centre = models.ForeignKey(DataCentre, models.PROTECT, related_name="servers")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="servers")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PLANNED, db_index=True)
    operating_system = models.CharField(max_length=60, default="Debian 13")
    cpu_cores = models.PositiveSmallIntegerField("CPU cores", validators=[MinValueValidator(1)])
    memory_gib = models.PositiveIntegerField("memory (GiB)", validators=[MinValueValidator(1)])
    disk_gib = models.PositiveIntegerField("disk (GiB)", validators=[MinValueValidator(1)])
    commissioned_on = models.DateField("commissioned", null=True, blank=True)
    retired_on = models.DateField("retired", null=True, blank=True)
    tags = models.ManyToManyField(Tag, related_name="servers", blank=True)
    notes = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ServerQuerySet.as_manager()

    class Meta:
        ordering = ["hostname"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cpu_cores__gte=1) & Q(memory_gib__gte=1) & Q(disk_gib__gte=1),
                name="inventory_server_has_capacity",
                violation_error_message="A server has at least 1 core, 1 GiB of memory and 1 GiB of disk.",
            ),
            models.CheckConstraint(
                condition=Q(status="retired", retired_on__isnull=False)
                | (~Q(status="retired") & Q(retired_on__isnull=True)),
                name="inventory_server_retired_has_date",
                violation_error_message="A retired server has the date when it was retired, and no other has one.",
            ),
            models.CheckConstraint(
                condition=Q(retired_on__isnull=True)
                | Q(commissioned_on__isnull=True)
                | Q(retired_on__gte=F("commissioned_on")),
                name="inventory_server_retired_after_commissioned",
                violation_error_message="A server cannot be retired before it was commissioned.",
            ),
        ]

    def __str__(self) -> str:
        return self.hostname

    def get_absolute_url(self) -> str:
        return reverse("inventory:server", args=[self.hostname])


class InventoryReport(models.Model):
    """What the inventory held at one moment, computed by a task: see `report.compute`."""

    computed_at = models.DateTimeField(auto_now_add=True)
    content: Any = models.JSONField()

    class Meta:
        ordering = ["-computed_at"]
        get_latest_by = "computed_at"

    def __str__(self) -> str:
        return f"Report of {self.computed_at:%Y-%m-%d %H:%M:%S} UTC"
