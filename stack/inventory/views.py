"""The inventory's pages."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    HttpResponseServerError,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import CreateView, DetailView, ListView, UpdateView

from django_ops.record.context import current
from stack.demo.delay import delay_seconds
from stack.inventory.export import csv_lines
from stack.inventory.forms import ServerFilterForm, ServerForm
from stack.inventory.models import DataCentre, InventoryReport, Server
from stack.inventory.tasks import recompute_report

SERVERS_PER_PAGE = 20


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show what there is, with the number of servers in each data centre."""
    in_use = Count("servers", filter=~Q(servers__status=Server.Status.RETIRED))
    return render(
        request,
        "inventory/home.html",
        {
            "data_centres": DataCentre.objects.annotate(server_count=in_use),
            "recent": Server.objects.select_related("environment").order_by("-updated_at", "hostname")[:5],
        },
    )


class ServerList(ListView):
    """Servers: searched, filtered, ordered, in pages."""

    context_object_name = "servers"
    paginate_by = SERVERS_PER_PAGE

    def get_queryset(self) -> QuerySet[Server]:
        self.form = ServerFilterForm(self.request.GET)
        return self.form.select(Server.objects.with_relations())

    def paginate_queryset(self, queryset: Any, page_size: int) -> Any:
        """Show the nearest page when there is none of the number asked for: links get old."""
        paginator = Paginator(queryset, page_size)
        page = paginator.get_page(self.request.GET.get("page"))
        return paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        page = context["page_obj"]
        return {
            **context,
            "form": self.form,
            "page_range": page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        }


class ServerDetail(DetailView):
    """One server."""

    context_object_name = "server"
    slug_field = slug_url_kwarg = "hostname"

    def get_queryset(self) -> QuerySet[Server]:
        return Server.objects.with_relations()


class ServerCreate(LoginRequiredMixin, SuccessMessageMixin, CreateView):
    """Adds a server."""

    model = Server
    form_class = ServerForm
    success_message = "%(hostname)s was added."


class ServerUpdate(LoginRequiredMixin, SuccessMessageMixin, UpdateView):
    """Changes a server."""

    model = Server
    form_class = ServerForm
    slug_field = slug_url_kwarg = "hostname"
    success_message = "%(hostname)s was changed."


class PasswordChange(SuccessMessageMixin, PasswordChangeView):
    """Changes the user's own password, which must not be one of the last ten."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("inventory:home")
    success_message = "Your password was changed."


@require_GET
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Stream the servers that the list's filters select, as CSV."""
    servers = ServerFilterForm(request.GET).select(Server.objects.with_relations())
    return StreamingHttpResponse(
        csv_lines(servers),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="servers.csv"'},
    )


@require_GET
def servers_json(request: HttpRequest) -> JsonResponse:
    """Return a page of the servers that the list's filters select, as JSON."""
    servers = ServerFilterForm(request.GET).select(Server.objects.with_relations())
    page = Paginator(servers, SERVERS_PER_PAGE).get_page(request.GET.get("page"))
    return JsonResponse(
        {
            "count": page.paginator.count,
            "page": page.number,
            "pages": page.paginator.num_pages,
            "servers": [_as_json(server) for server in page],
        }
    )


@require_GET
def report(request: HttpRequest) -> HttpResponse:
    """Show the newest report. In a demo, `?slow=2` takes 2 seconds more, so that there is something slow to find."""
    if settings.DEMO and "slow" in request.GET:
        time.sleep(delay_seconds(request.GET["slow"]))
    return render(request, "inventory/report.html", {"report": InventoryReport.objects.first()})


@login_required
@require_POST
def recompute(request: HttpRequest) -> HttpResponseRedirect:
    """Have the report computed anew: at once without a broker, otherwise by the next free worker."""
    recompute_report.delay()
    if settings.CELERY_TASK_ALWAYS_EAGER:
        messages.success(request, "The report was computed anew.")
    else:
        messages.info(request, "The report is being computed. Reload the page in a moment.")
    return redirect("inventory:report")


def server_error(request: HttpRequest) -> HttpResponse:
    """Say sorry with the request's id, by which its log line is found."""
    context = current.get()
    request_id = context.identity.request_id if context else ""
    # without the request: what its context processors ask for may be what is broken
    return HttpResponseServerError(render_to_string("500.html", {"request_id": request_id}))


def _as_json(server: Server) -> dict[str, Any]:
    return {
        "hostname": server.hostname,
        "address": server.address,
        "data_centre": server.data_centre.code,
        "environment": server.environment.slug,
        "status": server.status,
        "operating_system": server.operating_system,
        "cpu_cores": server.cpu_cores,
        "memory_gib": server.memory_gib,
        "disk_gib": server.disk_gib,
        "tags": [tag.name for tag in server.tags.all()],
        "updated_at": server.updated_at,
    }
