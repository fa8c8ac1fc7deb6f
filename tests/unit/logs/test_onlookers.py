"""Whoever looks on at Python's logging (Sentry, New Relic, Datadog) sees every line, whenever they began to look."""

import json
import subprocess
import sys

import pytest

_LOOKS_ON = """
import logging
seen = []
def look_on():
    theirs = logging.Logger.{method}
    def watched(self, *args, **kwargs):
        made = theirs(self, *args, **kwargs)
        record = made or args[0]
        if record.name == "django_ops.request":
            seen.append(record.getMessage())
        return made
    logging.Logger.{method} = watched
def stop():
    logging.Logger.{method} = before
before = logging.Logger.{method}
"""

_SITE = """
import django, json, sys
from django.conf import settings
from django_ops.logs import logging_config
settings.configure(
    INSTALLED_APPS=["django_ops"], MIDDLEWARE=["django_ops.middleware.OpsMiddleware"], ROOT_URLCONF=__name__,
    LOGGING=logging_config(directory=sys.argv[1]), ALLOWED_HOSTS=["*"],
)
django.setup()
from django.http import HttpResponse
from django.test import Client
from django.urls import path
urlpatterns = [path("ok", lambda request: HttpResponse())]
client = Client()
def request():
    client.get("/ok")
    said = [text.rpartition(" ")[0] for text in seen]
    seen.clear()
    return said
"""


def run(program, directory):
    answer = subprocess.run(
        [sys.executable, "-c", program, str(directory)], capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.mark.parametrize("method", ["callHandlers", "handle", "makeRecord"])
def test_patch_of_the_logger__sees_every_line(method, tmp_path):
    looks_on = _LOOKS_ON.format(method=method)
    turns = "said = [request()]\nlook_on()\nsaid += [request()]\nstop()\nprint(json.dumps([*said, request()]))"
    after = f"{looks_on}{_SITE}\n{turns}"
    assert run(after, tmp_path / "after") == [[], ["GET /ok 200"], []]
    before = f"{looks_on}look_on()\n{_SITE}\nprint(json.dumps(request()))"
    assert run(before, tmp_path / "before") == ["GET /ok 200"]
    for place in ("after", "before"):  # and nobody took a line away
        lines = "".join(path.read_text() for path in (tmp_path / place).glob("*.jsonl")).splitlines()
        assert len([line for line in lines if '"GET /ok 200' in line]) == {"after": 3, "before": 1}[place]
