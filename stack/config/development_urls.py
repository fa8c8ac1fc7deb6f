"""The site's URLs, and those of the debug toolbar."""

from django.http import HttpRequest
from django.urls import include, path

from stack.config.urls import handler500
from stack.config.urls import urlpatterns as site_urlpatterns

__all__ = ["handler500", "show_toolbar", "urlpatterns"]

urlpatterns = [*site_urlpatterns, path("__debug__/", include("debug_toolbar.urls"))]


def show_toolbar(request: HttpRequest) -> bool:
    """Say yes: these settings are used for development only."""
    return True
