"""What nginx is answered: 204, 401, 403 or 404, whatever the rest of the site would say."""

import logging
from dataclasses import replace

import pytest
from django.test import RequestFactory, override_settings

from django_ops.access.gate import auth
from django_ops.access.gate.decision import Person
from django_ops.testing import capture_metrics
from tests.unit.access.gate.asking import ANN, FROM_NGINX, GATE, sign_in


@pytest.fixture(autouse=True)
def _gate():
    with override_settings(**GATE):
        yield


@pytest.fixture
def person(monkeypatch):
    """Who is signed in."""
    return sign_in(monkeypatch)


def ask(path="/_ops/gate/flower/", **meta):
    return auth.answer(RequestFactory().get(path, **{"HTTP_HOST": "testserver", **FROM_NGINX, **meta}))


# statuses -----------------------------------------------------------------------------------------------------------


def test_answer__allowed(person):
    response = ask()
    assert (response.status_code, response.content, dict(response.headers)) == (204, b"", {"Cache-Control": "no-store"})


def test_answer__nobody(person):
    person["person"] = None
    response = ask()
    assert (response.status_code, response.content) == (401, b"")
    assert "WWW-Authenticate" not in response.headers


def test_answer__no_permission(person):
    person["person"] = replace(ANN, may_open=False)
    assert ask().status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/_ops/gate/",
        "/_ops/gate/unknown/",
        "/_ops/gate/flower/x",
        "/_ops/gate/flower/sign-in/",
        "/_ops/gate//",
        "/_ops/gate/Flower/",
        "/_ops/gate/flower/../grafana/",
    ],
)
def test_accept_12__unknown_service(person, path):
    """ACCEPT 12: an unknown service 404."""
    assert ask(path).status_code == 404


def test_answer__to_who_does_not_ask_as_nginx_does(person):
    """Whatever calls it: no path but its own, and no mode but nginx."""
    request = RequestFactory().get("/", **FROM_NGINX)
    request.path_info = "-----------flower/"
    assert auth.answer(request).status_code == 404
    with override_settings(OPS_GATE_MODE="proxy"):
        assert ask().status_code == 404


def test_answer__without_a_slash_at_the_end(person):
    assert ask("/_ops/gate/flower").status_code == 204


def test_answer__registry_that_cannot_be_used(person, caplog):
    with override_settings(OPS_GATE_SERVICES={"flower": {}}):
        assert ask().status_code == 404
    assert "Access denied." in caplog.text


@pytest.mark.parametrize("error", [OSError("down"), ValueError("wrong"), RuntimeError("odd")])
def test_answer__sessions_cannot_be_read(person, caplog, error):
    person["person"] = error
    assert ask().status_code == 403
    assert "as sessions or users cannot be read" in caplog.text


@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options"])
def test_answer__to_any_method_of_the_question(person, method):
    response = auth.answer(getattr(RequestFactory(), method)("/_ops/gate/flower/", **FROM_NGINX))
    assert response.status_code == 204


# whom nginx is --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["10.0.0.9", "", "::1", "unix"])
def test_peer__that_is_not_trusted(person, peer, caplog):
    """ACCEPT 4: from an untrusted peer, no header changes anything: nobody is answered."""
    assert ask(REMOTE_ADDR=peer).status_code == 403
    assert "untrusted-peer" in caplog.text


def test_peer__behind_a_unix_socket(person):
    with override_settings(OPS_TRUSTED_PROXIES=["unix"]):
        assert ask(REMOTE_ADDR="").status_code == 204


def test_peer__proxies_that_cannot_be_used(person, caplog):
    with override_settings(OPS_TRUSTED_PROXIES=["internal"]):
        assert ask().status_code == 403
    assert "OPS_TRUSTED_PROXIES cannot be used" in caplog.text


# what the client wants ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "DELETE", "get", "", "GET,GET"])
def test_method__unsafe_without_an_origin(person, method):
    """ACCEPT 6; and a method that nginx does not name is none that is safe."""
    assert ask(HTTP_X_ORIGINAL_METHOD=method).status_code == 403


def test_method__is_not_the_one_of_the_question(person):
    request = RequestFactory().post("/_ops/gate/flower/", **FROM_NGINX)
    assert auth.answer(request).status_code == 204


def test_method__missing(person):
    assert auth.answer(RequestFactory().get("/_ops/gate/flower/")).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ORIGIN": "http://testserver"},
        {"HTTP_SEC_FETCH_SITE": "same-origin"},
        {"HTTP_REFERER": "http://testserver/x"},
    ],
)
def test_method__unsafe_from_our_own_page(person, headers):
    assert ask(HTTP_X_ORIGINAL_METHOD="POST", **headers).status_code == 204


def test_origin__behind_tls(person):
    with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        meta = {"HTTP_X_ORIGINAL_METHOD": "POST", "HTTP_X_FORWARDED_PROTO": "https"}
        assert ask(HTTP_ORIGIN="https://testserver", **meta).status_code == 204
        assert ask(HTTP_ORIGIN="http://testserver", **meta).status_code == 403


def test_origin__scheme_header_that_is_no_pair(person):
    with override_settings(SECURE_PROXY_SSL_HEADER="https"):
        assert ask(HTTP_X_ORIGINAL_METHOD="POST", HTTP_ORIGIN="http://testserver").status_code == 204


def test_host__that_is_not_allowed(person):
    assert ask(HTTP_HOST="evil.example").status_code == 403


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", "h2c, websocket"])
@pytest.mark.parametrize("service", ["flower", "grafana"])
def test_websocket__of_any_service_is_refused(person, service, upgrade):
    """nginx could not end it."""
    meta = {"HTTP_X_ORIGINAL_UPGRADE": upgrade, "HTTP_ORIGIN": "http://testserver"}
    assert ask(f"/_ops/gate/{service}/", **meta).status_code == 403


# what nginx is told ---------------------------------------------------------------------------------------------------


def test_identity__what_the_service_asks_for(person):
    headers = dict(ask("/_ops/gate/grafana/").headers)
    assert headers == {"X-Ops-User": "ann", "X-Ops-Role": "Editor", "Cache-Control": "no-store"}


def test_identity__not_with_a_refusal(person):
    headers = ask("/_ops/gate/grafana/", HTTP_X_ORIGINAL_METHOD="POST").headers
    assert "X-Ops-User" not in headers
    assert headers["X-Ops-Refusal"] == "Access denied: no-origin."


def test_refusal__tells_a_stranger_nothing(person):
    headers = ask("/_ops/gate/grafana/", REMOTE_ADDR="192.0.2.1").headers
    assert [name for name in headers if name.startswith("X-Ops-")] == []


def test_identity__cannot_break_a_line(person):
    person["person"] = Person("7", "ann\r\nX-Ops-Role: Admin", "", may_open=True, role="")
    assert ask("/_ops/gate/grafana/").headers["X-Ops-User"] == "ann%0D%0AX-Ops-Role:%20Admin"


# what is told of it ---------------------------------------------------------------------------------------------------


def test_refusal__is_a_line(person, caplog):
    caplog.set_level(logging.WARNING, "django_ops.access.gate")
    ask(HTTP_X_ORIGINAL_METHOD="POST", HTTP_X_FORWARDED_FOR="203.0.113.9")
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "The gate to flower is shut: no-origin.")
    assert (record.gate_service, record.gate_reason, record.gate_user, record.gate_client) == (
        "flower", "no-origin", "7", "203.0.113.9",
    )  # fmt: skip


@pytest.mark.parametrize("somebody", [None, ANN])
def test_others__are_no_line(person, caplog, somebody):
    caplog.set_level(logging.DEBUG)
    person["person"] = somebody
    ask()
    assert [record for record in caplog.records if record.name.startswith("django")] == []


def test_accept_15__decisions_are_counted(person):
    """ACCEPT 15: ops_gate_decisions_total{service,decision}."""
    with capture_metrics() as grown:
        ask()
        ask(HTTP_X_ORIGINAL_METHOD="POST")
        person["person"] = None
        ask()
        person["person"] = OSError()
        ask()
    for decision in ("allowed", "no-origin", "anonymous", "unavailable"):
        assert grown("ops_gate_decisions_total", service="flower", decision=decision) == 1


# to sign in ----------------------------------------------------------------------------------------------------------


def test_sign_in__of_a_browser(person):
    response = ask("/_ops/gate/flower/sign-in", HTTP_ACCEPT="text/html")
    assert (response.status_code, response.headers["Location"]) == (
        302, "/account/login/?next=/ops/flower/tasks%3Fx%3Dy",
    )  # fmt: skip


def test_sign_in__of_a_program(person):
    assert ask("/_ops/gate/flower/sign-in", HTTP_ACCEPT="application/json").status_code == 401


def test_accept_4__next_of_an_untrusted_peer(person):
    """ACCEPT 4: a forged X-Original-URI from an untrusted peer changes nothing."""
    response = ask("/_ops/gate/flower/sign-in", HTTP_ACCEPT="text/html", REMOTE_ADDR="10.0.0.9")
    assert response.headers["Location"].endswith("next=/ops/flower/")


@pytest.mark.parametrize("path", [None, "gate"])
def test_answer__under_a_path_that_cannot_be_used_is_that_of_the_default(person, path):
    """As the middleware, which brings the request here, reads it."""
    with override_settings(OPS_GATE_AUTH_PATH=path):
        assert ask().status_code == 204
