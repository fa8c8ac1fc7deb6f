"""Where a browser that nobody is signed in with is sent, and who is told 401 instead."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch

from django_ops.access.gate.decision import SAFE_METHODS
from django_ops.access.gate.paths import way_back
from django_ops.access.gate.registry import Service

logger = logging.getLogger("django_ops.access.gate")


def sign_in_url(meta: Mapping[str, Any], service: Service, *, believes: bool) -> str | None:
    """Return the URL of LOGIN_URL with the way back, for a browser that opens a page; None for everybody else.

    `meta` is the request's; `believes` says whether its X-Original-* headers are nginx's words. Otherwise, and for a
    form that was sent, the way back is the service's first page.
    """
    if not is_browser(meta):
        return None
    target = ""
    if believes and meta.get("HTTP_X_ORIGINAL_METHOD", "") in SAFE_METHODS:
        target = meta.get("HTTP_X_ORIGINAL_URI", "")
    return login_url(way_back(service, target))


def is_browser(meta: Mapping[str, Any]) -> bool:
    """Tell whether somebody opens a page, and not a script of one, a frame, or a program."""
    return (
        "text/html" in meta.get("HTTP_ACCEPT", "").lower()
        and meta.get("HTTP_X_REQUESTED_WITH", "").lower() != "xmlhttprequest"
        and meta.get("HTTP_SEC_FETCH_MODE", "navigate") == "navigate"
    )


def login_url(next_path: str) -> str | None:
    """Return LOGIN_URL with `next`, which is a plain path; None when LOGIN_URL leads nowhere, which is logged."""
    try:
        url = str(resolve_url(settings.LOGIN_URL))
        has_query = bool(urlsplit(url).query)
    except (NoReverseMatch, ValueError) as error:
        logger.error("LOGIN_URL cannot be used: %s", error)
        return None
    address, hash_sign, fragment = url.partition("#")
    separator = "&" if has_query else "?"
    return f"{address}{separator}{REDIRECT_FIELD_NAME}={quote(next_path, safe='/')}{hash_sign}{fragment}"
