"""What every page needs to know."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Tell the templates whether the pages that misbehave are there, and which version this is."""
    return {"demo": settings.DEMO, "version": settings.OPS_SERVICE_VERSION}
