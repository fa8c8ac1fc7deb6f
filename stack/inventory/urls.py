"""Where the inventory's pages are."""

from django.urls import path

from stack.inventory import views

app_name = "inventory"

urlpatterns = [
    path("", views.home, name="home"),
    path("servers/", views.ServerList.as_view(), name="servers"),
    path("servers.csv", views.export, name="export"),
    path("servers.json", views.servers_json, name="servers-json"),
    path("new/", views.ServerCreate.as_view(), name="server-new"),
    path("servers/<slug:hostname>/", views.ServerDetail.as_view(), name="server"),
    path("servers/<slug:hostname>/edit/", views.ServerUpdate.as_view(), name="server-edit"),
    path("report/", views.report, name="report"),
    path("report/recompute/", views.recompute, name="recompute"),
]
