"""What a record needs to know, read without a query or a side effect."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from django_ops import facts
from django_ops.facts import Rules

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PROXY = {"REMOTE_ADDR": "10.0.0.2"}


@pytest.fixture
def rules(settings):
    settings.OPS_TRUSTED_PROXIES = ["10.0.0.0/8"]
    return Rules()


@pytest.fixture
def request_():
    return RequestFactory().get("/")


def test_identity__of_a_trusted_proxy_is_taken(rules):
    assert rules.identity({**PROXY, "HTTP_X_REQUEST_ID": "abc-1"}).request_id == "abc-1"


def test_identity__of_a_stranger_is_not(rules):
    assert rules.identity({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_REQUEST_ID": "abc-1"}).request_id != "abc-1"


def test_identity__of_a_socket_is_taken_where_it_is_trusted(settings):
    settings.OPS_TRUSTED_PROXIES = ["unix"]
    assert Rules().identity({"REMOTE_ADDR": "", "HTTP_X_REQUEST_ID": "abc-1"}).request_id == "abc-1"


def test_identity__has_the_id_of_the_proxy_and_the_trace_of_the_client(rules):
    identity = rules.identity({**PROXY, "HTTP_X_REQUEST_ID": "abc-1", "HTTP_TRACEPARENT": TRACEPARENT})
    assert (identity.request_id, identity.trace_id) == ("abc-1", TRACE_ID)


def test_identity__of_a_trace_alone_is_not_the_trace(rules):
    """Whoever can choose a request's id can hide among the lines of another one."""
    for peer in (PROXY, {"REMOTE_ADDR": "192.0.2.1"}):
        assert rules.identity({**peer, "HTTP_TRACEPARENT": TRACEPARENT}).request_id != TRACE_ID


def test_identity__a_trace_is_taken_from_anybody(rules):
    assert rules.identity({"REMOTE_ADDR": "192.0.2.1", "HTTP_TRACEPARENT": TRACEPARENT}).trace_id == TRACE_ID


def test_identity__has_a_span_of_its_own(rules):
    assert rules.identity({"HTTP_TRACEPARENT": TRACEPARENT}).span_id != "00f067aa0ba902b7"


def test_identity__without_headers_is_new(rules):
    assert rules.identity({}) != rules.identity({})


def test_identity__without_a_peer_is_new(rules):
    assert rules.identity({"HTTP_X_REQUEST_ID": "abc-1"}).request_id != "abc-1"


@pytest.fixture
def span(monkeypatch):
    """A span of OpenTelemetry, whose ids begin with zeros."""
    context = SimpleNamespace(is_valid=True, trace_id=0xABC, span_id=0xDEF)
    trace = ModuleType("opentelemetry.trace")
    trace.get_current_span = lambda: SimpleNamespace(get_span_context=lambda: context)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", trace)
    return context


def test_span__gives_the_ids_of_trace_and_span_alone(rules, span):
    """Its trace may be that of a client, whatever header its propagator reads."""
    identity = rules.identity({})
    assert identity[1:] == ("0" * 29 + "abc", "0" * 13 + "def")
    assert identity.request_id != identity.trace_id


def test_span__leaves_the_request_id_of_the_proxy(rules, span):
    identity = rules.identity({**PROXY, "HTTP_X_REQUEST_ID": "abc-1"})
    assert identity == ("abc-1", "0" * 29 + "abc", "0" * 13 + "def")


def test_span__that_is_none_counts_for_nothing(rules, span):
    span.is_valid = False
    assert rules.identity({"HTTP_TRACEPARENT": TRACEPARENT}).trace_id == TRACE_ID


def test_client__behind_a_proxy(rules):
    assert rules.clients["203.0.113.9"] == "203.0.113.9"


def test_client__of_a_long_header_is_right_and_not_remembered(rules):
    assert rules.clients[", ".join(["203.0.113.9", *["10.0.0.3"] * 50])] == "203.0.113.9"
    assert not rules.clients


def test_client__memory_is_bounded(rules):
    for number in range(2000):
        assert rules.clients[f"203.0.{number // 250}.{number % 250}"]
        assert len(rules.clients) <= 1024


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), (None, 0), ("0", 0), ("17", 17), ("-1", 0), ("+1", 0), ("1e3", 0), ("x", 0), ("9" * 18, 10**18 - 1),
     ("9" * 19, 0), ("\N{ARABIC-INDIC DIGIT FIVE}", 0), ("1 ", 0), ("1_0", 0)],
)  # fmt: skip
def test_content_length(text, expected):
    assert facts.content_length({"CONTENT_LENGTH": text}) == expected


def test_content_length__of_no_header():
    assert facts.content_length({}) == 0


def test_scheme__behind_a_proxy(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert facts.scheme(RequestFactory().get("/", HTTP_X_FORWARDED_PROTO="https")) == "https"


@pytest.mark.parametrize("secure", [False, True])
def test_scheme__of_the_server_itself(secure):
    assert Rules().scheme(RequestFactory().get("/", secure=secure)) == ("https" if secure else "http")


def test_scheme__of_a_proxy_that_is_not_asked():
    assert Rules().scheme(RequestFactory().get("/", HTTP_X_FORWARDED_PROTO="https")) == "http"


def test_scheme__of_a_proxy_that_is_asked(settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert Rules().scheme(RequestFactory().get("/", HTTP_X_FORWARDED_PROTO="https")) == "https"


@pytest.mark.parametrize("value", ["https", "http", "https, http", "http, https", " https", "HTTPS", ""])
@pytest.mark.parametrize("secure_value", ["https", "https, http", " https"])
def test_scheme__is_what_django_says(settings, value, secure_value):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", secure_value)
    request = RequestFactory().get("/", HTTP_X_FORWARDED_PROTO=value)
    assert Rules().scheme(request) == request.scheme


@pytest.mark.parametrize("wrong", ["HTTP_X_FORWARDED_PROTO", ("X",), 1, ("HTTP_X_FORWARDED_PROTO", None)])
def test_scheme__of_a_wrong_setting_does_not_end_the_site(settings, wrong):
    settings.SECURE_PROXY_SSL_HEADER = wrong
    Rules()


def test_scheme__of_a_wrong_setting_raises_nothing(settings, request_):
    settings.SECURE_PROXY_SSL_HEADER = "HTTP_X_FORWARDED_PROTO"
    assert facts.scheme(request_) == "http"


@pytest.mark.parametrize("content_type", ["text/plain; charset=latin-1", "application/json", ""])
def test_charset__as_django_finds_it(content_type):
    assert facts.charsets[content_type] == HttpResponse(content_type=content_type).charset


def test_charset__memory_is_bounded():
    for number in range(1000):
        assert facts.charsets[f"text/x-{number}"] == "utf-8"
        assert len(facts.charsets) <= 256


@pytest.mark.parametrize(
    ("name", "expected"), [("page.html", "page.html"), (["a.html", "b.html"], "['a.html', 'b.html']")]
)
def test_template__by_name(request_, name, expected):
    assert facts.template(TemplateResponse(request_, name)) == expected


def test_template__that_is_an_object_shows_no_address(request_):
    assert facts.template(TemplateResponse(request_, engines["django"].from_string("x"))) == "None"


@pytest.mark.parametrize("response", [None, HttpResponse(), StreamingHttpResponse()])
def test_template__of_another_response(response):
    assert facts.template(response) is None


def test_user__that_nobody_has_loaded_is_left_alone(request_):
    def load():
        raise AssertionError("the user was loaded")

    request_.user = SimpleLazyObject(load)
    assert facts.user_id(request_) is None


def test_user__that_the_application_has_loaded(request_):
    request_.user = SimpleLazyObject(lambda: User(pk=7))
    assert request_.user.pk == 7
    assert facts.user_id(request_) == "7"


def test_user__that_is_no_lazy_object(request_):
    request_.user = User(pk=8)
    assert facts.user_id(request_) == "8"


def test_user__that_was_awaited(request_):
    request_.user = SimpleLazyObject(lambda: get_user(request_))
    request_._acached_user = User(pk=9)
    assert facts.user_id(request_) == "9"


def test_user__who_logged_out_after_being_awaited(request_):
    request_.user, request_._acached_user = AnonymousUser(), User(pk=9)
    assert facts.user_id(request_) is None


@pytest.mark.parametrize("user", [AnonymousUser(), User(), None, "somebody", object()])
def test_user__that_is_none(request_, user):
    request_.user = user
    assert facts.user_id(request_) is None


def test_user__of_a_request_without_authentication(request_):
    assert facts.user_id(request_) is None


def test_user__whose_key_raises(request_):
    class Odd:
        is_authenticated = True

        @property
        def pk(self):
            raise RuntimeError

    request_.user = Odd()
    assert facts.user_id(request_) is None
