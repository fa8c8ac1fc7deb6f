"""Django's own pages for changing a password."""

from django.contrib.auth import views
from django.urls import path

PAGE = {"template_name": "form.html", "success_url": "/done/"}

urlpatterns = [
    path("change/", views.PasswordChangeView.as_view(**PAGE)),
    path("reset/<uidb64>/<token>/", views.PasswordResetConfirmView.as_view(**PAGE)),
]
