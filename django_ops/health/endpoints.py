"""`/livez` and `/readyz`: answered by the outermost middleware, before hosts, redirects and sessions are looked at."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from django_ops.guard.access import may_read_operations
from django_ops.health import drain, readiness
from django_ops.health.check import Report, Status

_METHODS = ("GET", "HEAD")


def livez(request: HttpRequest) -> HttpResponse:
    """Say that this process answers. Looks at nothing else: what else is broken, a restart would not mend."""
    if request.method not in _METHODS:
        return _method_not_allowed()
    return _response(b"ok\n", "text/plain; charset=utf-8")


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether requests should be sent here: 200, or 503 when a critical check fails or the process drains."""
    return _without_checks(request) or _answer(request, readiness.runner.report())


async def areadyz(request: HttpRequest) -> HttpResponse:
    """Say the same under ASGI, without blocking the event loop."""
    return _without_checks(request) or _answer(request, await readiness.runner.areport())


def _without_checks(request: HttpRequest) -> HttpResponse | None:
    if request.method not in _METHODS:
        return _method_not_allowed()
    if drain.observe():
        readiness.changes.become(Status.DRAINING)
        return _json({"status": Status.DRAINING}, Status.DRAINING)
    return None


def _answer(request: HttpRequest, report: Report) -> HttpResponse:
    content: dict[str, Any] = {"status": report.status}
    if may_read_operations(request):
        content["checks"] = [
            {
                "name": result.name,
                "status": Status.OK if result.error is None else Status.FAILED,
                "critical": result.critical,
                "duration_seconds": round(result.duration_seconds, 6),
                "error": result.summary,
            }
            for result in report.results
        ]
    return _json(content, report.status)


def _json(content: dict[str, Any], status: Status) -> HttpResponse:
    return _response(orjson.dumps(content) + b"\n", "application/json", status.http_status)


def _method_not_allowed() -> HttpResponse:
    response = _response(b"", "text/plain; charset=utf-8", 405)
    response.headers["Allow"] = ", ".join(_METHODS)
    return response


def _response(body: bytes, content_type: str, status: int = 200) -> HttpResponse:
    # with a content type given, HttpResponse looks at no setting
    response = HttpResponse(
        body, content_type, status, headers={"Cache-Control": "no-store", "Content-Length": str(len(body))}
    )
    # or Django would log "Service Unavailable" at each probe; `readiness` tells of the change
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
