"""The URLs of the reference project. /livez is answered by the middleware, before any of these."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from stack.inventory.views import PasswordChange

handler500 = "stack.inventory.views.server_error"

urlpatterns = [
    path("", include("stack.inventory.urls")),
    path("", include("django_ops.urls")),
    path("admin/", admin.site.urls),
    path("account/login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("account/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("account/password/", PasswordChange.as_view(), name="password_change"),
]

if settings.DEMO:
    urlpatterns.append(path("demo/", include("stack.demo.urls")))
