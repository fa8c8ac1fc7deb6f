"""The gate's place in the admin: a line in the index that leads to the page of the UIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse

from django_ops.access.gate.models import Gate
from django_ops.access.gate.page import open_to

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Gate]
else:
    _Admin = admin.ModelAdmin


@admin.register(Gate)
class GateAdmin(_Admin):
    """Seen by those who may open a UI; there is nothing to add, to change or to delete."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the index shows it: where the user may open a UI, and the URLs have the page."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Gate | None = None) -> bool:
        """Whether the user may open any UI."""
        return _page() is not None and any(True for _ in open_to(request.user))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Gate | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Gate | None = None) -> bool:
        """Nobody."""
        return False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Gate | None:
        """None, as there is no table: the admin's pages of one object say that it does not exist."""
        return None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:  # type: ignore[override]
        """Lead to the page."""
        return HttpResponseRedirect(_page() or reverse("admin:index"))


def _page() -> str | None:
    try:
        return reverse("ops-gate")
    except NoReverseMatch:
        return None
