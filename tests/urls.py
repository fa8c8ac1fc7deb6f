"""One view per way in which a request can end."""

from django.urls import path

from tests import views

urlpatterns = [
    path("ok", views.ok, name="ok"),
    path("items/<int:pk>/", views.item, name="item"),
    path("redirect", views.redirect, name="redirect"),
    path("raise", views.fail, name="raise"),
    path("stream", views.stream, name="stream"),
    path("stream-raise", views.stream_raise, name="stream-raise"),
    path("file", views.file, name="file"),
    path("template", views.template, name="template"),
    path("query", views.query, name="query"),
    path("missing", views.missing, name="missing"),
    path("aok", views.aok, name="aok"),
    path("astream", views.astream, name="astream"),
    path("asleep", views.asleep, name="asleep"),
    path("araise", views.afail, name="araise"),
]
