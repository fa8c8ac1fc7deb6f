"""`override_settings` has its effect also with a client that was used before, and none afterwards."""

import pytest
from django.test import Client, override_settings

from django_ops.testing import capture_lines


@pytest.fixture
def line():
    client = Client()
    client.get("/ok")

    def get(path, **headers):
        with capture_lines("django_ops.request") as lines:
            client.get(path, **headers)
        return lines[0] if lines else None

    return get


def test_trusted_proxies(line):
    def client():
        return line("/ok", HTTP_X_FORWARDED_FOR="203.0.113.9")["client"]["address"]

    with override_settings(OPS_TRUSTED_PROXIES=["127.0.0.1"]):
        assert client() == "203.0.113.9"
    assert client() == "127.0.0.1"


def test_query_keys(line):
    with override_settings(OPS_LOG_QUERY_KEYS=["page"]):
        assert line("/ok?page=2")["url"]["query"] == "page=2"
    assert "query" not in line("/ok?page=2")["url"]


@pytest.mark.parametrize("name", ["OPS_LIVEZ_PATH", "OPS_READYZ_PATH", "OPS_METRICS_PATH"])
def test_paths_of_endpoints(line, name):
    with override_settings(**{name: "/elsewhere"}):
        assert line("/elsewhere") is None
    assert line("/elsewhere")["http"]["response"]["status_code"] == 404


def test_hidden_keys(line):
    with override_settings(OPS_LOG_HIDDEN_KEYS=["colour"], OPS_LOG_QUERY_KEYS=["colour"]):
        hidden = line("/ok?colour=red")["url"]["query"]
    with override_settings(OPS_LOG_QUERY_KEYS=["colour"]):
        assert line("/ok?colour=red")["url"]["query"] == "colour=red"
    assert "red" not in hidden


def test_secure_proxy_header(line):
    with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        assert line("/ok", HTTP_X_FORWARDED_PROTO="https")["url"]["scheme"] == "https"
    assert line("/ok", HTTP_X_FORWARDED_PROTO="https")["url"]["scheme"] == "http"


def test_hidden_keys__in_a_user_agent_that_was_seen_before(line):
    def agent():
        return line("/ok", HTTP_USER_AGENT="x colour=red")["user_agent"]["original"]

    assert "red" in agent()
    with override_settings(OPS_LOG_HIDDEN_KEYS=["colour"]):
        assert "red" not in agent()
    assert "red" in agent()


def test_readyz_checks():
    client = Client()
    with override_settings(OPS_READYZ_CHECKS=[]):
        assert client.get("/readyz").status_code == 200
    with override_settings(OPS_READYZ_CHECKS=[lambda: 1 / 0]):
        assert client.get("/readyz").status_code == 503
