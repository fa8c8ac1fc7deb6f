"""Computes the inventory's report: how many servers there are where, and what they have."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count, Sum

from stack.inventory.models import InventoryReport, Server

#: Reports that are kept; older ones are deleted when a new one is made.
KEPT_REPORTS = 20


def compute() -> dict[str, Any]:
    """Return the report's content in five queries, however many servers there are."""
    servers = Server.objects.order_by()
    in_use = servers.exclude(status=Server.Status.RETIRED)
    totals = in_use.aggregate(
        servers=Count("pk"), cpu_cores=Sum("cpu_cores"), memory_gib=Sum("memory_gib"), disk_gib=Sum("disk_gib")
    )
    labels = dict(Server.Status.choices)
    by_status = servers.values("status").annotate(servers=Count("pk")).order_by("status")
    return {
        "totals": {name: value or 0 for name, value in totals.items()},
        "by_status": [{"name": labels[row["status"]], "servers": row["servers"]} for row in by_status],
        "by_data_centre": _grouped(in_use, "data_centre__name", "data_centre__code"),
        "by_environment": _grouped(in_use, "environment__name", "environment__rank"),
        "by_operating_system": _grouped(in_use, "operating_system", "operating_system"),
    }


def store() -> InventoryReport:
    """Compute the report, keep it, and delete those beyond the KEPT_REPORTS newest."""
    with transaction.atomic():
        report = InventoryReport.objects.create(content=compute())
        kept = InventoryReport.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT_REPORTS]
        InventoryReport.objects.exclude(pk__in=list(kept)).delete()
    return report


def _grouped(servers: Any, name: str, order: str) -> list[dict[str, Any]]:
    rows = servers.values(name).annotate(
        servers=Count("pk"), cpu_cores=Sum("cpu_cores"), memory_gib=Sum("memory_gib"), disk_gib=Sum("disk_gib")
    )
    columns = ("servers", "cpu_cores", "memory_gib", "disk_gib")
    return [{"name": row[name], **{column: row[column] for column in columns}} for row in rows.order_by(order)]
