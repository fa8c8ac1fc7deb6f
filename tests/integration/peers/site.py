"""Serves the traffic: `python -m tests.integration.peers.site theirs|ours|both` prints what was counted, as JSON."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from django.conf import settings

THEIR_MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "tests.integration.peers.middleware.failing",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
OUR_MIDDLEWARE = ["django_ops.middleware.OpsMiddleware", "tests.integration.peers.middleware.failing"]

#: Method, path, and what else is in the WSGI environment.
TRAFFIC: list[tuple[str, str, dict[str, str]]] = [
    *[(method, "/ok", {}) for method in ("GET", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")],
    ("POST", "/ok", {"CONTENT_LENGTH": "1000"}),
    ("GET", "/ok", {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}),
    ("GET", "/ok", {"wsgi.url_scheme": "https"}),
    ("FOO", "/ok", {}),
    ("BAR", "/ok", {}),
    ("get", "/ok", {}),
    ("GET", "/shop/ok", {}),
    ("GET", "/unnamed", {}),
    *[("GET", f"/status/{status}", {}) for status in (201, 204, 304, 404, 418, 500, 503)],
    *[("GET", f"/{name}", {}) for name in ("latin", "redirect", "template", "compiled", "stored", "saved", "cached")],
    ("GET", "/nothing", {}),
    ("POST", "/nothing", {}),
    ("GET", "/fail", {}),
    ("GET", "/missing", {}),
    ("GET", "/forbidden", {}),
    ("GET", "/suspicious", {}),
    ("GET", "/middleware-fails", {}),
    ("GET", "/stream", {}),
]

#: Kept apart, as the peer answers it with an exception of its own.
MALFORMED = ("POST", "/ok", {"CONTENT_LENGTH": "many"})


def configure(watched_by: str, directory: Path) -> None:
    engine = "django.db.backends.sqlite3" if watched_by == "ours" else "django_prometheus.db.backends.sqlite3"
    cache = "django_prometheus.cache.backends" if watched_by == "theirs" else "django.core.cache.backends"
    middleware = {"theirs": THEIR_MIDDLEWARE, "ours": OUR_MIDDLEWARE, "both": [*OUR_MIDDLEWARE[:1], *THEIR_MIDDLEWARE]}
    apps = {"theirs": ["django_prometheus"], "ours": ["django_ops"], "both": ["django_ops", "django_prometheus"]}
    settings.configure(
        WATCHED_BY=watched_by,
        SECRET_KEY="for the tests only",
        ALLOWED_HOSTS=["shop.example"],
        DATABASES={"default": {"ENGINE": engine, "NAME": str(directory / "db.sqlite3")}},
        CACHES={"default": {"BACKEND": f"{cache}.locmem.LocMemCache"}},
        INSTALLED_APPS=["django.contrib.contenttypes", "tests.integration.peers", *apps[watched_by]],
        MIDDLEWARE=middleware[watched_by],
        ROOT_URLCONF="tests.integration.peers.urls",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"hello.txt": "hello"})]},
            }
        ],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        OPS_METRICS_MODELS=["peers.Item"] if watched_by == "ours" else [],
        LOGGING={"version": 1, "disable_existing_loggers": False},
        LOGGING_CONFIG="logging.config.dictConfig",
    )


def serve(application: Any, method: str, path: str, more: dict[str, str]) -> int:
    """Serve one request as a WSGI server does, and return its status."""
    statuses: list[str] = []
    body = application(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SERVER_NAME": "shop.example",
            "SERVER_PORT": "80",
            "REMOTE_ADDR": "192.0.2.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(b"x" * 1000),
            **more,
        },
        lambda status, headers, exc_info=None: statuses.append(status),
    )
    for _ in body:
        pass
    body.close()
    return int(statuses[0].split()[0])


def run(watched_by: str, directory: Path) -> dict[str, Any]:
    configure(watched_by, directory)
    import django

    django.setup()
    logging.disable(logging.CRITICAL)
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import call_command
    from django.db import connection

    from tests.integration.peers.models import Item

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    connection.close()
    before = expose(watched_by)
    application = WSGIHandler()
    statuses = [serve(application, *each) for each in TRAFFIC]
    after = expose(watched_by)
    statuses.append(serve(application, *MALFORMED))
    look_migrations_up(watched_by)
    return {"before": before, "after": after, "end": expose(watched_by), "statuses": statuses}


def expose(watched_by: str) -> str:
    if watched_by == "theirs":
        from prometheus_client import generate_latest

        return generate_latest().decode()
    from django_ops.metrics.exposition import expose as expose_ours

    return expose_ours("", "", [])[0].decode()


def look_migrations_up(watched_by: str) -> None:
    if watched_by == "theirs":
        from django_prometheus.migrations import ExportMigrations

        ExportMigrations()
    else:
        from django_ops.metrics import migrations

        migrations.look_up()


def registered() -> dict[str, Any]:
    """Return what django-prometheus's own code registers: type, labels and bounds by exposed name."""
    settings.configure()
    from django_prometheus.middleware import Metrics
    from prometheus_client import REGISTRY
    from prometheus_client.metrics import MetricWrapperBase

    for part in ("cache.metrics", "db.metrics", "migrations", "models"):
        import_module(f"django_prometheus.{part}")
    Metrics.get_instance()
    found = {}
    for metric in REGISTRY._collector_to_names:
        if isinstance(metric, MetricWrapperBase):
            name = f"{metric._name}_total" if metric._type == "counter" else metric._name
            bounds = list(getattr(metric, "_kwargs", {}).get("buckets") or [])
            found[name] = [metric._type, list(metric._labelnames), [float(bound) for bound in bounds]]
    return found


def main() -> None:
    if sys.argv[1] == "registered":
        found = registered()
    else:
        with tempfile.TemporaryDirectory() as directory:
            found = run(sys.argv[1], Path(directory))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
