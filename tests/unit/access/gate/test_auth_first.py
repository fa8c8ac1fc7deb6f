"""Nginx is answered before everything else of the site."""

import asyncio

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import AsyncRequestFactory, RequestFactory, override_settings

from django_ops.middleware import OpsMiddleware
from tests.unit.access.gate.asking import FROM_NGINX, GATE, sign_in


@pytest.fixture(autouse=True)
def _gate():
    with override_settings(**GATE):
        yield


@pytest.fixture
def person(monkeypatch):
    """Who is signed in."""
    return sign_in(monkeypatch)


IN_THE_WAY = override_settings(
    SECURE_SSL_REDIRECT=True,
    APPEND_SLASH=True,
    MIDDLEWARE=[
        "django_ops.middleware.OpsMiddleware",
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ],
)


def through_wsgi(path, **meta):
    """Serve a request to its end, as what is not closed stays the current one."""
    response = WSGIHandler().get_response(RequestFactory().get(path, **{**FROM_NGINX, **meta}))
    response.close()
    return response


@IN_THE_WAY
@pytest.mark.parametrize(
    ("path", "meta", "status"),
    [
        ("/_ops/gate/flower/", {}, 204),
        ("/_ops/gate/flower", {}, 204),
        ("/_ops/gate/flower/", {"HTTP_HOST": "evil.example"}, 403),
        ("/_ops/gate/flower/", {"HTTP_HOST": "not a host"}, 403),
        ("/_ops/gate/flower/", {"HTTP_X_ORIGINAL_METHOD": "POST"}, 403),
        ("/_ops/gate/unknown/", {}, 404),
        ("/_ops/gate/unknown", {}, 404),
    ],
)
def test_site__cannot_come_in_between(person, connections_are_kept, path, meta, status):
    assert through_wsgi(path, **meta).status_code == status


@IN_THE_WAY
@pytest.mark.parametrize("mode", ["", "proxy"])
def test_site__answers_where_the_gate_is_off(person, connections_are_kept, mode):
    with override_settings(OPS_GATE_MODE=mode):
        assert through_wsgi("/_ops/gate/flower/").status_code == 301


@IN_THE_WAY
def test_site__cannot_come_in_between_under_asgi(person, connections_are_kept):
    handler = ASGIHandler()
    request = AsyncRequestFactory().get("/_ops/gate/flower/", X_Original_Method="GET")
    response = asyncio.run(handler.get_response_async(request))
    response.close()
    assert response.status_code == 204


def test_question__is_no_request_line(person, records):
    OpsMiddleware(lambda request: HttpResponse())(RequestFactory().get("/_ops/gate/flower/", **FROM_NGINX))
    assert records == []


@pytest.mark.parametrize("mode", ["", "proxy", "nginx"])
@pytest.mark.parametrize("path", ["-----------flower/", "-ok", "xxxxxxxxxxxflower/", "*", ""])
def test_target__that_is_no_path_is_a_request_like_others(person, records, mode, path):
    with override_settings(OPS_GATE_MODE=mode):
        request = RequestFactory().get("/", **FROM_NGINX)
        request.path = request.path_info = path
        response = OpsMiddleware(lambda request: HttpResponse(status=404))(request)
        response.close()
    assert "X-Ops-User" not in response.headers
    assert [record.status for record in records] == [404]


def test_refusal__is_not_logged_by_django_as_well(person, caplog, connections_are_kept):
    through_wsgi("/_ops/gate/flower/", HTTP_X_ORIGINAL_METHOD="POST")
    assert [record.name for record in caplog.records] == ["django_ops.access.gate"]
