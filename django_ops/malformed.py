"""Requests that no honest client sends and that Django answers with 500: told apart before anything reads them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers import exception
from django.db import DataError, ProgrammingError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase

from django_ops.patches import patch
from django_ops.remembered import Remembered

_EVERY_BYTE = bytes(range(256))
#: The parameters of a Content-Type with which Django cannot make a request.
_UNREADABLE: dict[str, str] = {}


def problem(request: HttpRequest) -> str | None:
    """Say what is wrong with a request that is answered 400 at once, or return None.

    - PostgreSQL stores no NUL. Of a session's cookie it is told by a middleware, where no view could catch the error.
    - Python knows codecs that are none for text ("base64"), and some that raise even if told to replace what they
      cannot read ("idna"). Django takes all of them for charsets.
    - Django refuses a form in another charset than UTF-8, but its page for that reads the form again.
    """
    meta = request.META
    if "%00" in meta.get("QUERY_STRING", "") or "\0" in request.path_info:
        return "There is a NUL in the URL."
    # as text in quotes has it; a server that lets it through as it is would be none
    if "\\000" in meta.get("HTTP_COOKIE", "") and any("\0" in value for value in request.COOKIES.values()):
        return "There is a NUL in a cookie."
    if request.content_params:
        charset = request.encoding
        if charset is None:  # none is named, or an unknown one, which Django ignores
            return None
        if not _can_read[charset]:
            return "The charset cannot be read."
        if request.content_type == "application/x-www-form-urlencoded" and charset.lower() != "utf-8":
            return "A form must be UTF-8."
    elif request.content_params is _UNREADABLE:
        return "The content type cannot be read, or the query in its charset."
    return None


def no_problem(request: HttpRequest) -> None:
    """Find nothing wrong with any request."""


def refusal(reason: str) -> HttpResponse:
    """Return the answer to a malformed request. It asks nothing of the request, not even in which language."""
    return HttpResponse(f"Bad Request. {reason}\n", "text/plain; charset=utf-8", 400)


def _decodes(charset: str) -> bool:
    try:
        _EVERY_BYTE.decode(charset, "replace")
    except (LookupError, ValueError):
        return False
    return True


_can_read = Remembered(_decodes)


def reads_any_content_type(read: Callable[[Any, Mapping[str, Any]], None]) -> Callable[[Any, Mapping[str, Any]], None]:
    """Let Django make a request also where its Content-Type names a charset that cannot be read.

    It raises before there is a request, as it decodes parameters (RFC 2231) and, with the charset, the query: there
    would be no line, no number, and 500 from the server.
    """

    @functools.wraps(read)
    def read_or_mark(self: Any, meta: Mapping[str, Any]) -> None:
        try:
            read(self, meta)
        except (LookupError, ValueError, SuspiciousOperation, BadRequest):  # the last one from Django 6.1 on
            vars(self).pop("_encoding", None)
            self.content_type, self.content_params = "", _UNREADABLE

    return read_or_mark


def survives_the_body(respond: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let Django's error pages do without a body that cannot be parsed.

    They look for a CSRF token in it. What that raises Django answers 400 where a view reads the body, and 500 where its
    own page for 400 or 404 does.
    """

    @functools.wraps(respond)
    def respond_without_the_body(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            request.POST  # noqa: B018 - parsed once, by whoever is the first to ask
        except (BadRequest, SuspiciousOperation, MultiPartParserError):
            request._mark_post_parse_error()  # type: ignore[attr-defined]
        except OSError:  # the client left; whoever reads the body is told so
            pass
        return respond(request, *args, **kwargs)

    return respond_without_the_body


def doubts_the_filters(get_results: Callable[[Any, HttpRequest], None]) -> Callable[[Any, HttpRequest], None]:
    """Let the admin's lists answer filters that make no sense as Django means to: by the list without them.

    It catches whatever a query string brings about, but before the query is sent: `?id__range=1` came through.
    """
    from django.contrib.admin.options import IncorrectLookupParameters

    @functools.wraps(get_results)
    def get_results_or_doubt(self: Any, request: HttpRequest) -> None:
        try:
            get_results(self, request)
        except (TypeError, ValueError, IndexError, DataError, ProgrammingError) as error:
            if not self.get_filters_params():
                raise
            raise IncorrectLookupParameters(error) from error

    return get_results_or_doubt


def looks_up_by_a_field_or_none(get_object: Callable[..., Any]) -> Callable[..., Any]:
    """Let the admin's pages of an object take `?_to_field=` for what it is: no field to look it up by."""

    @functools.wraps(get_object)
    def get_object_by_a_field_or_none(
        self: Any, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        return get_object(self, request, object_id, from_field or None)

    return get_object_by_a_field_or_none


def mend_django() -> None:
    """Have Django answer what it would answer with 500. Each place once, however many middlewares there are."""
    patch(HttpRequest, "_set_content_type_params", reads_any_content_type)
    patch(exception, "get_exception_response", survives_the_body)
    if apps.is_installed("django.contrib.admin"):
        from django.contrib.admin import ModelAdmin
        from django.contrib.admin.views.main import ChangeList

        patch(ModelAdmin, "get_object", looks_up_by_a_field_or_none)
        patch(ChangeList, "get_results", doubts_the_filters)
