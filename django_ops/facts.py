"""What a record needs to know of Django's request and response, read without a query or a side effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.functional import SimpleLazyObject, empty

#: Content types whose charset is known already; an application uses few, and it alone decides which.
_charsets: dict[str, str] = {}
_MOST_CHARSETS = 256


def scheme(request: HttpRequest) -> str:
    """Return http or https, as Django sees it through SECURE_PROXY_SSL_HEADER."""
    return "https" if request.scheme == "https" else "http"


def content_length(meta: Mapping[str, Any]) -> int:
    """Return the announced size of the request's body in bytes; 0 for none, or for what is no number."""
    text = meta.get("CONTENT_LENGTH")
    # isdecimal alone accepts other scripts' digits; a number of 20 digits is no size
    return int(text) if text and len(text) < 20 and text.isascii() and text.isdecimal() else 0


def charset(response: HttpResponseBase | None) -> str:
    """Return the response's charset, as `HttpResponse.charset` finds it."""
    if response is None:
        return ""
    content_type = response.headers.get("Content-Type", "")
    known = _charsets.get(content_type)
    if known is None:
        known = str(response.charset)
        if len(_charsets) < _MOST_CHARSETS and response._charset is None:  # type: ignore[attr-defined]
            _charsets[content_type] = known
    return known


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
    user: Any = request.__dict__.get("user")
    if isinstance(user, SimpleLazyObject):
        user = user.__dict__.get("_wrapped", empty)
        if user is empty:
            user = None
    if user is None:
        user = getattr(request, "_acached_user", None)
    if user is None or not getattr(user, "is_authenticated", False):
        return None
    key = user.pk
    return None if key is None else str(key)
