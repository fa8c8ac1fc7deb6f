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
def ask(path, host="localhost"):
    exporter.clear()
    with capture_lines() as lines:
        status = Client(headers={"host": host}).get(path).status_code
    spans = [[f"{s.context.trace_id:032x}", f"{s.context.span_id:016x}"] for s in exporter.get_finished_spans()]
    lines = [line for line in lines if line["log.logger"] in ("shop", "django_ops.request")]
    return status, [[line["trace"]["id"], line["span"]["id"]] for line in lines], spans
print(json.dumps({
    "first": settings.MIDDLEWARE[0],
    "view": ask("/ok/"),
    "missing": ask("/missing/"),
    "stranger": ask("/ok/", "10.1.2.3"),
    "probes": [ask("/livez"), ask("/livez", "10.1.2.3")],
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


def told(project, **environment):
    """Run the script, and return what it has seen."""
    ended = project.run("python", "script.py", DJANGO_SETTINGS_MODULE="shop.settings", **environment)
    assert ended.returncode == 0, ended.stderr
    assert "W004" not in ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def counted(asked):
    """Return the status, and how many lines and spans there were."""
    status, lines, spans = asked
    return status, len(lines), len(spans)


@pytest.mark.parametrize("position", [0, 1])
def test_instrumentation__gives_lines_its_ids_and_no_advice_against_it(project, position):
    found = told(project, OTEL_PYTHON_DJANGO_MIDDLEWARE_POSITION=str(position))
    assert found["first"].startswith("opentelemetry.") is (position == 0)
    _, lines, spans = found["view"]
    assert len(spans) == 1
    assert lines == spans * 2  # the view's line and the request's
    _, lines, spans = found["missing"]
    assert (lines == spans) is (position == 0)
    stranger, probe, probe_by_address = (counted(asked) for asked in (found["stranger"], *found["probes"]))
    if position == 0:
        assert (stranger, probe, probe_by_address) == ((400, 0, 0), (200, 0, 1), (400, 0, 0))
    else:
        assert (stranger, probe, probe_by_address) == ((400, 1, 0), (200, 0, 0), (200, 0, 0))


def test_excluded_urls__leave_out_probes(project):
    found = told(project, OTEL_PYTHON_DJANGO_EXCLUDED_URLS="livez,readyz,metrics")
    assert [len(spans) for _, _, spans in (found["view"], *found["probes"])] == [1, 0, 0]
