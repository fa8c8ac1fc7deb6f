"""Signing in and out, the admin, the page of the UIs; and what answers to everything, as some sites have it."""

from django.contrib import admin
from django.contrib.auth import views
from django.http import HttpResponse
from django.urls import include, path, re_path

urlpatterns = [
    path("sign-in/", views.LoginView.as_view(template_name="admin/login.html"), name="login"),
    path("sign-out/", views.LogoutView.as_view(next_page="/sign-in/"), name="logout"),
    path("admin/", admin.site.urls),
    path("", include("django_ops.urls")),
    re_path("^site/", lambda request: HttpResponse("the site itself")),
]
