"""Paths of the site in proxy mode: django-ops's own, and what the tests do to users from outside of the UIs."""

from django.urls import include, path

from tests.integration.proxy_site import views

urlpatterns = [
    path("sign-in/<str:username>", views.sign_in),
    path("sign-out", views.sign_out),
    path("deactivate/<str:username>", views.deactivate),
    path("take-permissions/<str:username>", views.take_permissions),
    path("facts", views.facts),
    path("", include("django_ops.urls")),
]
