"""What counts as malformed, and what must go on to be none."""

import pytest
from django.core.exceptions import TooManyFieldsSent
from django.core.handlers import exception
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.views.decorators.csrf import requires_csrf_token

from django_ops import malformed
from django_ops.middleware import OpsMiddleware

FORM = "application/x-www-form-urlencoded"


@requires_csrf_token
def missing(request, exception):
    return HttpResponse("our own page", status=404)


handler404 = handler400 = missing
urlpatterns = [path("ok/", lambda request: HttpResponse(str(sorted(request.GET))))]


@pytest.fixture(autouse=True)
def middleware(settings, connections_are_kept):
    """Our middleware is there, as its patches are in force from then on."""
    settings.ROOT_URLCONF = __name__
    return OpsMiddleware(lambda request: HttpResponse("through"))


def post(target="/ok/", content_type=FORM, **headers):
    return RequestFactory().generic("POST", target, b"a=1", content_type, **headers)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"target": "/ok/?a=%00"}, "There is a NUL in the URL."),
        ({"target": "/o\0k/"}, "There is a NUL in the URL."),
        ({"HTTP_COOKIE": 'a=1; sessionid="abcdefgh\\000"'}, "There is a NUL in a cookie."),
        ({"content_type": f"{FORM}; charset=utf-16"}, "A form must be UTF-8."),
        ({"content_type": "text/plain; charset=undefined"}, "The charset cannot be read."),
    ],
)
def test_problem__is_named(request_, reason):
    assert malformed.problem(post(**request_)) == reason


@pytest.mark.parametrize("charset", ["rot13", "base64", "hex", "zlib", "bz2", "quopri", "uu", "idna", "undefined"])
@pytest.mark.parametrize("target", ["/ok/", "/ok/?a=%ff"])
def test_problem__of_a_codec_that_is_no_charset(target, charset):
    assert malformed.problem(post(target, f"application/json; charset={charset}")) is not None


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"content_type": f"{FORM}; charset=UTF-8"},
        {"content_type": f"{FORM}; charset=nobody-knows"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "text/plain; charset*=latin-1''utf-8"},
        {"target": "/ok/?a=%2500&b=%0a%c3%28"},
        {"HTTP_COOKIE": 'basket="{\\"a\\": 1\\054 \\"b\\": 000}"; path=C:\\000'},
    ],
)
def test_problem__is_none_where_the_request_can_be_read(request_):
    assert malformed.problem(post(**request_)) is None


def test_middleware__refuses(middleware):
    response = middleware(post("/ok/?a=%00"))
    assert (response.status_code, response.content) == (400, b"Bad Request. There is a NUL in the URL.\n")
    response.close()


@override_settings(OPS_REFUSE_MALFORMED=False)
def test_middleware__lets_all_through_where_the_setting_says_so(middleware):
    response = OpsMiddleware(middleware.get_response)(post("/ok/?a=%00", "a/b; charset*=none''x"))
    assert response.content == b"through"
    response.close()


@pytest.mark.parametrize("content_type", [f"{FORM}; charset=utf-16", "multipart/form-data; boundary="])
@override_settings(OPS_REFUSE_MALFORMED=False)
def test_error_page__needs_no_body(client, content_type):
    """Django would answer 500 where its page for 404 looks for a token in such a body, and tell the admins."""
    response = client.generic("POST", "/missing/", b"a=1", content_type)
    assert (response.status_code, response.content) == (404, b"our own page")


def test_error_page__needs_no_body_of_few_fields(client, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1
    assert client.post("/missing/", {"a": 1, "b": 2}).content == b"our own page"


def test_error_page__leaves_the_fields_that_can_be_read():
    request = RequestFactory().post("/ok/", {"a": "1"})
    seen = malformed.survives_the_body(lambda request: request.POST.dict())(request)
    assert seen == {"a": "1"}


def test_patches__are_made_once(middleware):
    before = exception.get_exception_response
    OpsMiddleware(middleware.get_response)
    assert exception.get_exception_response is before


def test_content_type__with_a_query_of_too_many_fields_is_a_request(settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1
    request = post("/ok/?a&b=1&c=2", "text/plain; charset=utf-8")
    assert malformed.problem(request) is not None
    with pytest.raises(TooManyFieldsSent):
        request.GET  # noqa: B018
