"""A strict Content-Security-Policy for all pages of Django's own: nothing inline, nothing from elsewhere.

Django has a middleware for it from 6.0 on; this one is for 5.2 as well, and needs neither nonces nor settings.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",  # the admin looks up related objects
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
))  # fmt: skip


class ContentSecurityPolicy(MiddlewareMixin):
    """Adds the policy where the answer has none. Not while developing: error pages and toolbar have inline scripts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if settings.DEBUG:
            raise MiddlewareNotUsed
        super().__init__(get_response)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Return the answer, with the policy."""
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response
