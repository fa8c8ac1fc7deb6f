"""One path per view."""

from django.urls import path

from tests.integration.site import views

urlpatterns = [
    path("ok", views.ok, name="ok"),
    path("aok", views.aok, name="aok"),
    path("items/<int:pk>/", views.item, name="item"),
    path("aitems/<int:pk>/", views.aitem, name="aitem"),
    path("redirect", views.redirect, name="redirect"),
    path("raise", views.fail, name="raise"),
    path("araise", views.afail, name="araise"),
    path("leave", views.leave, name="leave"),
    path("missing", views.missing, name="missing"),
    path("forbidden", views.forbidden, name="forbidden"),
    path("suspicious", views.suspicious, name="suspicious"),
    path("template", views.template, name="template"),
    path("status/<int:code>", views.status, name="status"),
    path("stream", views.stream, name="stream"),
    path("astream", views.astream, name="astream"),
    path("stream-raise", views.stream_fail, name="stream-raise"),
    path("astream-raise", views.astream_fail, name="astream-raise"),
    path("file", views.file, name="file"),
    path("old-file", views.old_file, name="old-file"),
    path("large-file", views.large_file, name="large-file"),
    path("bad-header", views.bad_header, name="bad-header"),
    path("query", views.query, name="query"),
    path("host", views.host, name="host"),
    path("upload", views.upload, name="upload"),
    path("middleware-raises-late", views.ok, name="late"),
]
