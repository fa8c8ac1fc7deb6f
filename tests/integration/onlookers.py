"""Serves the same requests beside Sentry or the debug toolbar, and prints what each of us saw, as JSON.

`python -m tests.integration.onlookers none|sentry|toolbar before|after|alone`: whether the onlooker is wired up before
us, after us, or without us.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

_AMOUNTS = re.compile(r".*(seconds|bytes).*_(sum|bucket)")

#: What the onlooker saw: spans or calls.
seen: list[Any] = []


def shop(request: HttpRequest) -> HttpResponse:
    """Ask the caches and the databases, one of which is gone."""
    from django.core.cache import caches
    from django.db import DatabaseError, connections

    cache = caches["default"]
    cache.set("none", None)
    cache.get("none", "a default")
    cache.get("absent")
    cache.get_many(["none", "absent"])
    cache.get_or_set("made", 1)
    caches["second"].set_many({"a": 1, "b": 2})
    caches["second"].incr("a")
    caches["second"].delete("b")
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
    with suppress(DatabaseError):
        connections["gone"].ensure_connection()
    return HttpResponse("<html><body>hello</body></html>")


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with a part, and then nothing more."""

    async def parts() -> AsyncIterator[str]:
        yield "hello"
        await asyncio.Event().wait()

    return StreamingHttpResponse(parts())


urlpatterns = [path("shop", shop), path("stream", stream)]


def configure(onlooker: str, position: str) -> None:
    ours = [] if position == "alone" else ["django_ops"]
    theirs = ["debug_toolbar"] if onlooker == "toolbar" else []
    locmem = "django.core.cache.backends.locmem.LocMemCache"
    sqlite = "django.db.backends.sqlite3"
    settings.configure(
        DEBUG=bool(theirs),
        SECRET_KEY="for the tests only",
        ALLOWED_HOSTS=["testserver"],
        DATABASES={
            "default": {"ENGINE": sqlite, "NAME": ":memory:"},
            "gone": {"ENGINE": sqlite, "NAME": "/nowhere/gone.sqlite3"},
        },
        CACHES={alias: {"BACKEND": locmem, "LOCATION": alias} for alias in ("default", "second")},
        INSTALLED_APPS=["django.contrib.staticfiles", *(theirs + ours if position == "before" else ours + theirs)],
        MIDDLEWARE=[
            *(["django_ops.middleware.OpsMiddleware"] if ours else []),
            *(["debug_toolbar.middleware.DebugToolbarMiddleware"] if theirs else []),
        ],
        ROOT_URLCONF="tests.integration.onlookers",
        STATIC_URL="static/",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        DEBUG_TOOLBAR_PANELS=[f"tests.integration.onlookers_panels.{name}" for name in ("Caches", "Statements")],
        DEBUG_TOOLBAR_CONFIG={"SHOW_TOOLBAR_CALLBACK": lambda request: request.path == "/shop"},
        LOGGING_CONFIG=None,
    )


def start_sentry() -> None:
    import sentry_sdk
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.transport import Transport

    class Keeping(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            event = envelope.get_transaction_event()
            if event is not None:
                spans = [(span["op"], span.get("description")) for span in event["spans"]]
                seen.append(sorted(span for span in spans if span[0].startswith(("cache", "db"))))

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=Keeping,
        traces_sample_rate=1.0,
        integrations=[DjangoIntegration(cache_spans=True)],
    )


async def leave() -> None:
    """Ask for a stream, and go after its first part."""
    from django.core.handlers.asgi import ASGIHandler

    from tests.unit.handlers import scope

    received = [{"type": "http.request", "body": b"", "more_body": False}]
    has_part = asyncio.Event()

    async def receive() -> Any:
        if received:
            return received.pop()
        await has_part.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message.get("body"):
            has_part.set()

    await ASGIHandler()(scope("/stream"), receive, send)


def run_tasks(position: str) -> None:
    """Run a task as a worker traces it, and one that fails."""
    from celery import Celery

    if position != "alone":
        import django_ops.celery  # noqa: F401

    @Celery("shop").task(name="shop.divide")
    def divide(by: int) -> float:
        return 1 / by

    for by in (1, 0):
        divide.apply((by,))


def serve() -> None:
    from tests.unit.handlers import Asgi, Wsgi

    Wsgi().get("/shop")
    Asgi().get("/shop")
    asyncio.run(leave())


def counted() -> dict[str, float]:
    """Return the value of each series of ours but amounts of time and bytes, by its name and labels."""
    from prometheus_client.parser import text_string_to_metric_families

    from django_ops.metrics import exposition

    return {
        " ".join((sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items())))): sample.value
        for family in text_string_to_metric_families(exposition.expose("", "", [])[0].decode())
        for sample in family.samples
        if sample.name.startswith("django_") and sample.value and not _AMOUNTS.fullmatch(sample.name)
    }


def main(onlooker: str, position: str) -> None:
    configure(onlooker, position)
    if (onlooker, position) == ("sentry", "before"):
        start_sentry()
    django.setup()
    if onlooker == "toolbar":
        from debug_toolbar.toolbar import debug_toolbar_urls

        urlpatterns.extend(debug_toolbar_urls())
    if onlooker == "sentry" and position != "before":
        start_sentry()
    serve()
    run_tasks(position)
    json.dump({"counted": {} if position == "alone" else counted(), "seen": seen}, sys.stdout)


if __name__ == "__main__":
    sys.modules["tests.integration.onlookers"] = sys.modules["__main__"]
    main(*sys.argv[1:])
