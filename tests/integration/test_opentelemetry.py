"""OpenTelemetry's own instrumentation of Django, in its own order and in others: lines carry ids that a span has."""

import json

import pytest

from tests.integration.scratch import Project, blocks

SETTINGS = next(block for block in blocks("README.md", "python") if "INSTALLED_APPS" in block)
URLS = """
import logging
from django.http import HttpResponse
from django.urls import path
def ok(request):
    logging.getLogger("shop").warning("within the view")
    return HttpResponse("ok")
urlpatterns = [path("ok/", ok)]
"""
SCRIPT = """
import json
from opentelemetry import trace
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
DjangoInstrumentor().instrument()

import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django_ops.testing import capture_lines

call_command("check")
def ids(path):
    exporter.clear()
    with capture_lines() as lines:
        Client(headers={"host": "localhost"}).get(path)
    spans = [[f"{s.context.trace_id:032x}", f"{s.context.span_id:016x}"] for s in exporter.get_finished_spans()]
    lines = [line for line in lines if line["log.logger"] in ("shop", "django_ops.request")]
    return [[line["trace"]["id"], line["span"]["id"]] for line in lines], spans
view, missing = ids("/ok/"), ids("/missing/")
probes = [Client(headers={"host": host}).get("/livez").status_code for host in ("localhost", "10.1.2.3")]
print(json.dumps({
    "first": settings.MIDDLEWARE[0],
    "probes": probes,
    "view": view,
    "missing": missing,
}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the README's lines, and a script that instruments it as OpenTelemetry's manual says."""
    project = Project(tmp_path_factory.mktemp("opentelemetry"))
    project.add_settings(SETTINGS)
    project.write("shop/urls.py", URLS)
    project.write("script.py", SCRIPT)
    return project


@pytest.mark.parametrize("position", [0, 1])
def test_instrumentation__gives_lines_its_ids_and_no_advice_against_it(project, position):
    ended = project.run(
        "python", "script.py", DJANGO_SETTINGS_MODULE="shop.settings",
        OTEL_PYTHON_DJANGO_MIDDLEWARE_POSITION=str(position),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "W004" not in ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["first"].startswith("opentelemetry.") is (position == 0)
    lines, spans = found["view"]
    assert len(spans) == 1
    assert lines == spans * 2  # the view's line and the request's
    lines, spans = found["missing"]
    assert (lines == spans) is (position == 0)
    assert found["probes"] == [200, 400 if position == 0 else 200]
