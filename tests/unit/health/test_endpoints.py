"""`/livez` and `/readyz`, as the middleware calls them."""

import asyncio
import json
import logging
import threading

import pytest
from django.test import Client, RequestFactory, override_settings

from django_ops.health import Check, endpoints

requests = RequestFactory()


def refuse():
    raise OSError("refused by redis://app:hunter2@cache:6379")


@pytest.fixture(params=["sync", "async"])
def readyz(request, fresh_readiness):
    """The view in both of its forms."""
    if request.param == "sync":
        return endpoints.readyz
    return lambda sent: asyncio.run(endpoints.areadyz(sent))


def probe(view, **headers):
    return view(requests.get("/readyz", headers=headers))


def body(response):
    return json.loads(response.content)


# livez ---------------------------------------------------------------------------------------------------------


def test_livez__body():
    assert endpoints.livez(requests.get("/livez")).content == b"ok\n"


def test_livez__is_plain_text():
    assert endpoints.livez(requests.get("/livez")).headers["Content-Type"] == "text/plain; charset=utf-8"


def test_livez__is_not_stored():
    assert endpoints.livez(requests.get("/livez")).headers["Cache-Control"] == "no-store"


def test_livez__head():
    assert endpoints.livez(requests.head("/livez")).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete", "options", "patch"])
def test_livez__other_methods(method):
    response = endpoints.livez(getattr(requests, method)("/livez"))
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")


class Untouchable:
    """A request of which nothing but the method may be looked at; anything else is what breaks in production."""

    method = "GET"

    def __getattr__(self, name):
        raise AssertionError(f"liveness looked at request.{name}")


def test_livez__looks_at_nothing_of_the_request():
    assert endpoints.livez(Untouchable()).status_code == 200


def test_livez__looks_at_no_setting():
    """In a process without settings, where reading any would raise."""
    import subprocess
    import sys

    code = (
        "from types import SimpleNamespace as S; from django_ops.health import endpoints;"
        "print(endpoints.livez(S(method='GET')).serialize(), endpoints.livez(S(method='POST')).status_code)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True)
    assert "ok" in done.stdout, done.stderr


def test_livez__while_draining(board):
    board.stopping = True
    assert endpoints.livez(requests.get("/livez")).status_code == 200


# readyz --------------------------------------------------------------------------------------------------------


def test_readyz__ok(readyz):
    response = probe(readyz)
    assert (response.status_code, body(response)) == (200, {"status": "ok"})


def test_readyz__critical_failure(readyz, settings):
    settings.OPS_READYZ_CHECKS = [refuse]
    response = probe(readyz)
    assert (response.status_code, body(response)) == (503, {"status": "failed"})


def test_readyz__optional_failure(readyz, settings):
    settings.OPS_READYZ_CHECKS = [Check("search", refuse, critical=False)]
    response = probe(readyz)
    assert (response.status_code, body(response)) == (200, {"status": "degraded"})


def test_readyz__draining_by_file(readyz, drain_file):
    drain_file.touch()
    response = probe(readyz)
    assert (response.status_code, body(response)) == (503, {"status": "draining"})


def test_readyz__draining_by_signal(readyz, board):
    board.stopping = True
    assert probe(readyz).status_code == 503


def test_readyz__draining_runs_no_check(readyz, board, settings):
    ran = []
    settings.OPS_READYZ_CHECKS = [lambda: ran.append(1)]
    board.stopping = True
    probe(readyz)
    assert ran == []


def test_readyz__undone(readyz, drain_file):
    drain_file.touch()
    probe(readyz)
    drain_file.unlink()
    assert probe(readyz).status_code == 200


@pytest.mark.parametrize("checks", [[], [refuse]], ids=["ok", "failed"])
def test_readyz__is_not_stored(readyz, settings, checks):
    settings.OPS_READYZ_CHECKS = checks
    assert probe(readyz).headers["Cache-Control"] == "no-store"


def test_readyz__is_json(readyz):
    assert probe(readyz).headers["Content-Type"] == "application/json"


def test_readyz__head(readyz):
    assert readyz(requests.head("/readyz")).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete", "options", "patch"])
def test_readyz__other_methods(readyz, method):
    response = readyz(getattr(requests, method)("/readyz"))
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")


def test_readyz__does_not_look_at_the_host(readyz):
    with override_settings(ALLOWED_HOSTS=["example.org"]):
        assert probe(readyz, host="10.0.0.1").status_code == 200


# details -------------------------------------------------------------------------------------------------------

AUTHORISED = {"authorization": "Bearer long enough to be a token"}


@pytest.fixture
def failing(settings):
    settings.OPS_METRICS_TOKEN = "long enough to be a token"
    settings.OPS_READYZ_CHECKS = [Check("cache", refuse), Check("search", lambda: None, critical=False)]


def test_details__not_for_everybody(readyz, failing):
    assert "checks" not in body(probe(readyz))


def test_details__not_with_a_wrong_token(readyz, failing):
    assert "checks" not in body(probe(readyz, authorization="Bearer guess"))


def test_details__name_each_check(readyz, failing):
    checks = body(probe(readyz, **AUTHORISED))["checks"]
    assert [(check["name"], check["status"], check["critical"]) for check in checks] == [
        ("cache", "failed", True),
        ("search", "ok", False),
    ]


def test_details__error_with_secrets_masked(readyz, failing):
    error = body(probe(readyz, **AUTHORISED))["checks"][0]["error"]
    assert error.startswith("OSError: refused by redis://")
    assert "hunter2" not in error


def test_details__duration(readyz, failing):
    assert 0 <= body(probe(readyz, **AUTHORISED))["checks"][0]["duration_seconds"] < 5


def test_details__error_is_empty_when_well(readyz, failing):
    assert body(probe(readyz, **AUTHORISED))["checks"][1]["error"] == ""


# the log and the metrics ---------------------------------------------------------------------------------------


@pytest.fixture
def log(caplog):
    settle()  # what the test before set off tells the log when it lands
    caplog.clear()
    caplog.set_level(logging.INFO, "django_ops.health")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


def settle():
    """Wait for what the flight tells after it has landed."""
    for thread in threading.enumerate():
        if thread.name == "django-ops-readyz":
            thread.join(10)


def test_log__nothing_when_all_is_well(fresh_readiness, log):
    probe(endpoints.readyz)
    assert log() == []


def test_log__first_failure_with_the_error(fresh_readiness, settings, log):
    settings.OPS_READYZ_CHECKS = [Check("cache", refuse)]
    probe(endpoints.readyz)
    settle()
    ((level, message),) = log()
    assert (level, message.startswith("not ready: cache: OSError: refused by")) == ("ERROR", True)


def test_log__no_line_per_probe(fresh_readiness, settings, log):
    settings.OPS_READYZ_CHECKS = [Check("cache", refuse)]
    for _ in range(5):
        probe(endpoints.readyz)
    settle()
    assert len(log()) == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_log__no_line_of_djangos_per_probe(fresh_readiness, board, settings, caplog, method):
    settings.MIDDLEWARE = ["django_ops.middleware.OpsMiddleware"]
    board.stopping = True
    with caplog.at_level(logging.DEBUG, "django.request"):
        assert getattr(Client(), method)("/readyz").status_code in (405, 503)
    assert [record for record in caplog.records if record.name == "django.request"] == []


def test_log__recovery(fresh_readiness, settings, log):
    settings.OPS_READYZ_CHECKS = [refuse]
    probe(endpoints.readyz)
    settle()
    settings.OPS_READYZ_CHECKS = []
    probe(endpoints.readyz)
    settle()
    assert log()[-1] == ("INFO", "ready again, after failed")


def test_log__degraded(fresh_readiness, settings, log):
    settings.OPS_READYZ_CHECKS = [Check("search", refuse, critical=False)]
    probe(endpoints.readyz)
    settle()
    assert log()[0][0] == "WARNING"


def test_log__draining_once(fresh_readiness, board, log):
    board.stopping = True
    for _ in range(5):
        probe(endpoints.readyz)
    assert log() == [("INFO", "draining: readiness answers 503, requests are served")]


def test_log__secrets_of_errors_are_masked(fresh_readiness, settings, log):
    settings.OPS_READYZ_CHECKS = [refuse]
    probe(endpoints.readyz)
    settle()
    assert "hunter2" not in log()[0][1]


@pytest.fixture
def gauge(monkeypatch):
    """What django_ops_ready was set to."""
    from django_ops.metrics import catalog

    values = []
    monkeypatch.setattr(catalog.READY, "set", values.append)
    return values


def test_metrics__ready(fresh_readiness, gauge):
    probe(endpoints.readyz)
    settle()
    assert gauge == [1.0]


def test_metrics__not_ready(fresh_readiness, settings, gauge):
    settings.OPS_READYZ_CHECKS = [refuse]
    probe(endpoints.readyz)
    settle()
    assert gauge == [0.0]


def test_metrics__draining(fresh_readiness, board, gauge):
    board.stopping = True
    probe(endpoints.readyz)
    assert gauge == [0.0]


def test_metrics__failures_by_check(fresh_readiness, settings, monkeypatch):
    from django_ops.metrics import catalog

    counted = []
    monkeypatch.setattr(catalog.READINESS_FAILURES, "inc", counted.append)
    settings.OPS_READYZ_CHECKS = [Check("cache", refuse), Check("search", lambda: None)]
    probe(endpoints.readyz)
    settle()
    assert counted == ["cache"]
