"""Proxy mode: an async view that carries a UI's requests and responses, both ways as streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import Morsel
from typing import TypeVar

from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from django_ops.access.gate import proxy_client
from django_ops.access.gate.decision import SAFE_METHODS, refusal
from django_ops.access.gate.paths import way_back
from django_ops.access.gate.proxy_body import SCOPE_KEY, Body, BodyTooLargeError, ClientLeftError, Upload
from django_ops.access.gate.proxy_carrier import AccessEndedError, Carrier
from django_ops.access.gate.proxy_client import UpstreamError
from django_ops.access.gate.proxy_entry import Entry, admit, front_of, headers_of, raw_path_of, raw_query_of
from django_ops.access.gate.proxy_headers import Answer, identity_names, request_headers, response_headers
from django_ops.access.gate.proxy_paths import UnsafePathError, upstream_target
from django_ops.access.gate.registry import Service, services
from django_ops.access.gate.sign_in import is_browser, login_url
from django_ops.conf import conf
from django_ops.exceptions import ImproperlyConfiguredError

ResponseT = TypeVar("ResponseT", bound=HttpResponseBase)

#: CONNECT and TRACE are for proxies of another kind, and would show headers that are ours; others nobody knows.
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")

_TEXT = "text/plain; charset=utf-8"
_BUFFER_BYTES = 65_536
_MOST_DIGITS = 19


@login_not_required
@csrf_exempt  # the gate looks at Origin and Sec-Fetch-Site; a UI does not know Django's token
async def proxy(request: HttpRequest, name: str, path: str = "") -> HttpResponseBase:
    """Carry a request to the UI called `name`, for those who may open it."""
    if not isinstance(request, ASGIRequest):
        raise ImproperlyConfiguredError('OPS_GATE_MODE = "proxy" needs an ASGI server: under WSGI, use "nginx".')
    service = services().get(name) if conf.OPS_GATE_MODE == "proxy" else None
    if service is None:
        return _plain(404, "There is no such service.")
    if request.scope["method"] not in METHODS:  # as it came: Django makes a GET of "get", which is another method
        return _plain(405, "This method does not pass.", Allow=", ".join(METHODS))
    entry = await admit(request, service)
    if entry.decision.status == 401:
        return _to_sign_in(request, service)
    if not entry.decision.is_allowed:
        return _plain(403, refusal(entry.decision.reason))
    try:
        target = upstream_target(service, raw_path_of(request), raw_query_of(request))
    except UnsafePathError as error:
        return _plain(400, f"This path does not pass: {error}.")
    return await _carry(entry, target)


def _to_sign_in(request: ASGIRequest, service: Service) -> HttpResponse:
    """Send a browser to LOGIN_URL, with the way back; tell everybody else 401."""
    url = None
    if is_browser(request.META):
        query = raw_query_of(request)
        target = raw_path_of(request) + (f"?{query}" if query else "")
        url = login_url(way_back(service, target if request.method in SAFE_METHODS else ""))
    return _plain(401, "Sign in first.") if url is None else _plain(302, "", Location=url)


async def _carry(entry: Entry, target: str) -> HttpResponseBase:
    """Send the request on, and return the response when its headers have come."""
    request, service = entry.request, entry.service
    front = front_of(request)
    names = identity_names(services().values())
    headers = request_headers(headers_of(request), service, front, identity=entry.identity, identity_names=names)
    upload = _upload_of(request, service)
    if upload is not None and upload.announced_bytes is not None:
        if upload.announced_bytes > service.max_body_bytes:
            return _too_large(service)
        headers.append(("Content-Length", str(upload.announced_bytes)))
    carrier = Carrier(entry)
    try:
        response = await carrier.send(target, headers, upload)
    except AccessEndedError:
        return _plain(403, "You may not open this any more.")
    except BodyTooLargeError:
        return _too_large(service)
    except ClientLeftError:
        return _plain(400, "The request has no end.")  # nobody reads it
    except UpstreamError as error:
        return _plain(error.status, f"{service.title} does not answer.")
    answer = response_headers(proxy_client.headers_of(response), service, front, identity_names=names)
    return _streamed(response.status, answer, carrier)


def _upload_of(request: ASGIRequest, service: Service) -> Upload | None:
    """Return the body that the client sends; None where it sends none."""
    body = request.scope.get(SCOPE_KEY)
    parts = body.read() if isinstance(body, Body) else _buffered(request)
    length = request.META.get("CONTENT_LENGTH", "")
    if "HTTP_TRANSFER_ENCODING" in request.META or (not length and request.scope.get("http_version") in ("2", "3")):
        return Upload(parts, service.max_body_bytes)
    # the server has held it against what it reads
    announced_bytes = int(length) if length.isascii() and length.isdecimal() and len(length) < _MOST_DIGITS else 0
    return Upload(parts, service.max_body_bytes, announced_bytes) if announced_bytes else None


async def _buffered(request: ASGIRequest) -> AsyncIterator[bytes]:
    """Yield the body as Django has kept it, where the application was not wrapped by `gate`."""
    while part := request.read(_BUFFER_BYTES):
        yield part


def _streamed(status: int, answer: Answer, carrier: Carrier) -> StreamingHttpResponse:
    response = StreamingHttpResponse(carrier, status=status)
    del response.headers["Content-Type"]  # Django's own
    for name, value in answer.headers:
        response.headers[name] = value
    for number, cookie in enumerate(answer.cookies):
        morsel: Morsel[str] = Morsel()
        morsel.set(cookie.name, cookie.value, cookie.value)
        morsel.update(cookie.attributes)
        response.cookies[str(number)] = morsel  # of one name there may be several, with different paths
    return _unlogged(response)


def _too_large(service: Service) -> HttpResponse:
    # the rest of the body is not read, so that nothing can follow it
    return _plain(413, f"{service.title} takes {service.max_body_bytes} bytes at most.", Connection="close")


def _plain(status: int, text: str, **headers: str) -> HttpResponse:
    body = f"{text}\n" if text else ""
    return _unlogged(HttpResponse(body, _TEXT, status, headers={"Cache-Control": "no-store", **headers}))


def _unlogged(response: ResponseT) -> ResponseT:
    """Keep Django from logging a 4xx or 5xx of its own: it is the UI's, or the gate has told of it."""
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
