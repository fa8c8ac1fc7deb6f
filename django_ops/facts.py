"""What a record needs to know of Django's request and response, read without a query or a side effect."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from sys import modules
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.functional import SimpleLazyObject, empty

from django_ops.conf import Configuration
from django_ops.guard.trust import Networks, forwarded_address
from django_ops.record import telemetry
from django_ops.record.identity import Identity, accept_identity, new_identity
from django_ops.remembered import Remembered


class Rules:
    """What the settings say about requests, read once when the middleware is loaded."""

    def __init__(self) -> None:
        self.proxies = Networks(Configuration.OPS_TRUSTED_PROXIES.required())
        self.query_keys = frozenset(Configuration.OPS_LOG_QUERY_KEYS.usable())
        self._scheme_header, self._secure_value = _header_of_scheme()
        self.asks_no_proxy = self._scheme_header is None  # which scheme a request came by
        #: The client's address by the X-Forwarded-For of a trusted proxy; "" when it is not known.
        self.clients = Remembered(partial(forwarded_address, proxies=self.proxies), longest=128)

    def identity(self, meta: Mapping[str, Any]) -> Identity:
        """Return the ids of the request with these headers.

        The request's own is that of a trusted proxy, or new; that of its trace may be the client's.
        """
        traceparent = meta.get("HTTP_TRACEPARENT")
        request_id = meta.get("HTTP_X_REQUEST_ID")
        if request_id is not None and not self.proxies.contains(meta.get("REMOTE_ADDR", "")):
            request_id = None
        identity = accept_identity(traceparent, request_id) if traceparent or request_id else new_identity()
        return telemetry.within_span(identity) if telemetry.MODULE in modules else identity

    def scheme(self, request: HttpRequest) -> str:
        """Return http or https, as Django sees it through SECURE_PROXY_SSL_HEADER."""
        if self._scheme_header is None:
            return "https" if request._get_scheme() == "https" else "http"  # type: ignore[attr-defined]
        if request.META.get(self._scheme_header) == self._secure_value:
            return "https"
        return scheme(request)


def scheme(request: HttpRequest) -> str:
    """Return http or https, as Django sees it through SECURE_PROXY_SSL_HEADER."""
    try:
        return "https" if request.scheme == "https" else "http"
    except ImproperlyConfigured:  # SECURE_PROXY_SSL_HEADER is no pair: that is for Django to tell
        return "http"


def _header_of_scheme() -> tuple[str | None, str]:
    """Return the header that names the scheme, and what it says for https; None where no proxy is asked.

    A value that Django would find in no header, or no pair at all, is left to Django: "" is no header of any request.
    """
    try:
        if not settings.SECURE_PROXY_SSL_HEADER:
            return None, ""
        header, value = settings.SECURE_PROXY_SSL_HEADER
        return (header, value) if value.partition(",")[0].strip() == value else ("", value)
    except (AttributeError, TypeError, ValueError):
        return "", ""


def content_length(meta: Mapping[str, Any]) -> int:
    """Return the announced size of the request's body in bytes; 0 for none, or for what is no number."""
    text = meta.get("CONTENT_LENGTH")
    # isdecimal alone accepts other scripts' digits; 19 digits may be more than Elasticsearch's long holds
    return int(text) if text and len(text) < 19 and text.isascii() and text.isdecimal() else 0


def _charset(content_type: str) -> str:
    return str(HttpResponse(content_type=content_type).charset)


#: The charset that `HttpResponse.charset` finds in a Content-Type; an application uses few, and it decides which.
charsets = Remembered(_charset, most=256)


def as_bytes(part: Any, charset: str) -> bytes:
    """Return a part of a body as `HttpResponse.make_bytes` makes it."""
    if isinstance(part, (bytes, memoryview)):
        return bytes(part)
    return bytes((part if isinstance(part, str) else str(part)).encode(charset))


def template(response: HttpResponseBase | None) -> str | None:
    """Return the template name(s) of a template response, or None where it is none."""
    if not isinstance(response, SimpleTemplateResponse):
        return None
    name = response.template_name
    if isinstance(name, (str, list, tuple)) or name is None:
        return str(name)
    # a Template object: its str() holds an address, which would be a new series each time
    return str(getattr(name, "name", None) or getattr(getattr(name, "template", None), "name", None))


def user_id(request: HttpRequest) -> str | None:
    """Return the primary key of the user, if the application has loaded one; never load one for this.

    To touch a lazy user would read the session, query the database, and make every response vary by cookie
    (django-structlog#734).
    """
    attributes = request.__dict__
    user: Any = attributes.get("user")
    if isinstance(user, SimpleLazyObject):
        user = user.__dict__.get("_wrapped", empty)
        if user is empty:
            user = None
    if user is None:
        user = attributes.get("_acached_user")
        if user is None:
            return None
    try:
        if not user.is_authenticated:
            return None
        key = user.pk
        return None if key is None else str(key)
    except Exception:  # whatever the application calls a user; its request is told of all the same
        return None
