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
urlpatterns = [
    path("ok", lambda request: HttpResponse()),
    path("busy", lambda request: HttpResponse(status=503)),
    path("broken", lambda request: 1 / 0),
]
client = Client(raise_request_exception=False)
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


_SENTRY = """
import sentry_sdk
from sentry_sdk.transport import Transport

events, logs = [], []
class Keeping(Transport):
    def capture_envelope(self, envelope):
        events.extend(filter(None, [envelope.get_event()]))
def look_on():
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1", transport=Keeping, enable_logs=True,
        before_send_log=lambda log, hint: (logs.append(log["body"]), log)[1],
    )
"""

_REQUESTS = """
for name in ("ok", "busy", "broken"):
    client.get(f"/{name}")
without_duration = lambda text: text.rpartition(" ")[0]
print(json.dumps({
    "events": [
        event["exception"]["values"][0]["type"] if "exception" in event
        else without_duration(event["logentry"]["formatted"])
        for event in events
    ],
    "breadcrumbs": [without_duration(crumb["message"]) for crumb in events[-1]["breadcrumbs"]["values"]],
    "logs": [without_duration(log) for log in logs if "ms" in log],
}))
"""


@pytest.mark.parametrize("handlers", ["", "import logging; logging.getLogger().addHandler(logging.NullHandler())"])
@pytest.mark.parametrize("site", ["look_on()\n{site}", "{site}\nlook_on()"], ids=["before", "after"])
def test_sentry__sees_every_line_and_each_exception_once(site, handlers, tmp_path):
    seen = run("\n".join([_SENTRY, site.format(site=_SITE), handlers, _REQUESTS]), tmp_path)
    assert seen == {
        "events": ["GET /busy 503", "ZeroDivisionError"],
        "breadcrumbs": ["GET /ok 200", "GET /busy 503"],
        "logs": ["GET /ok 200", "GET /busy 503", "GET /broken 500"],
    }
