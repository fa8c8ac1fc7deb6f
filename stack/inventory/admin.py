"""The inventory in the admin."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from stack.inventory.models import DataCentre, Environment, InventoryReport, Server, Tag


class CountsServers(admin.ModelAdmin):
    """Lists how many servers belong to each row, counted in the list's own query."""

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(server_count=Count("servers"))

    @admin.display(description="servers", ordering="server_count")
    def server_count(self, row) -> int:
        return row.server_count


@admin.register(DataCentre)
class DataCentreAdmin(CountsServers):
    list_display = ["code", "name", "city", "server_count"]
    search_fields = ["code", "name", "city"]


@admin.register(Environment)
class EnvironmentAdmin(CountsServers):
    list_display = ["name", "slug", "rank", "server_count"]
    prepopulated_fields = {"slug": ["name"]}
    search_fields = ["name"]


@admin.register(Tag)
class TagAdmin(CountsServers):
    list_display = ["name", "server_count"]
    search_fields = ["name"]


@admin.register(Server)
class ServerAdmin(admin.ModelAdmin):
    list_display = ["hostname", "address", "data_centre", "environment", "status", "operating_system", "updated_at"]
    list_filter = ["status", "environment", "data_centre", "tags"]
    list_select_related = ["data_centre", "environment"]
    list_per_page = 50
    search_fields = ["hostname", "address", "operating_system", "notes"]
    search_help_text = "Hostname, address, operating system or notes"
    date_hierarchy = "commissioned_on"
    # no autocomplete_fields: Django answers 500 when their form comes back with a value that is no key
    filter_horizontal = ["tags"]
    readonly_fields = ["created_at", "updated_at"]
    fieldsets = [
        (None, {"fields": ["hostname", "address", "data_centre", "environment", "status"]}),
        ("Hardware and system", {"fields": ["operating_system", "cpu_cores", "memory_gib", "disk_gib"]}),
        ("Life", {"fields": ["commissioned_on", "retired_on", "created_at", "updated_at"]}),
        ("Description", {"fields": ["tags", "notes"]}),
    ]


@admin.register(InventoryReport)
class InventoryReportAdmin(admin.ModelAdmin):
    """Reports are made by the task; here they are only looked at."""

    list_display = ["computed_at", "servers"]
    readonly_fields = ["computed_at", "content"]

    @admin.display
    def servers(self, report: InventoryReport) -> int:
        return report.content["totals"]["servers"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: InventoryReport | None = None) -> bool:
        return False
