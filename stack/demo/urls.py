"""Where the misbehaving pages are."""

from django.urls import path

from stack.demo import views

app_name = "demo"

urlpatterns = [
    path("", views.index, name="index"),
    path("error/", views.error, name="error"),
    path("slow/", views.slow, name="slow"),
    path("redirect/", views.redirected, name="redirect"),
    path("stream/", views.stream, name="stream"),
    path("broken-stream/", views.broken_stream, name="broken-stream"),
    path("queries/", views.queries, name="queries"),
    path("status/<int:status>/", views.status, name="status"),
]
