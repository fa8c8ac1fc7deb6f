"""What Django says about a request is left out only where the line of that request says the same."""

import logging

import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.test import Client, override_settings
from django.urls import path
from django.utils.log import log_response
from django.views.decorators.http import require_POST

from django_ops.testing import capture_lines

logger = logging.getLogger("django.request")


class Wrapper:
    """What Django REST framework hands to views: the request's attributes by `__getattr__`."""

    def __init__(self, request):
        self._request = request

    def __getattr__(self, name):
        return getattr(self._request, name)


def handled(request, wrap=lambda request: request):
    """Log and answer 500, as an exception handler of Django REST framework may."""
    request = wrap(request)
    try:
        raise ValueError("the parser failed")
    except ValueError:
        logger.exception("order 17 cannot be parsed", extra={"request": request, "status_code": 500})
    return JsonResponse({"error": "internal"}, status=500)


def repeated(request):
    """Say what Django says of a status, with the wrapper."""
    response = HttpResponse(status=403)
    log_response("Forbidden: %s", request.path, response=response, request=Wrapper(request))
    return response


def warned(request):
    logger.warning("stock is low: %s", request.path, extra={"request": request, "status_code": 200})
    return HttpResponse()


def bad(request):
    raise BadRequest("the cursor is not ours")


def denied(request):
    raise PermissionDenied("not your order")


def custom(request):
    return HttpResponse(status=400, reason="No such currency")


def with_two_errors(request):
    try:
        raise ValueError("the first")
    except ValueError:
        logger.exception("Internal Server Error: %s", request.path, extra={"request": request, "status_code": 500})
    raise LookupError("the second")


def upload(request):
    return HttpResponse(str(len(request.POST)))


urlpatterns = [
    path("handled", handled),
    path("handled-in-a-wrapper", handled, {"wrap": Wrapper}),
    path("repeated-in-a-wrapper", repeated),
    path("warned", warned),
    path("bad", bad),
    path("denied", denied),
    path("custom", custom),
    path("with-two-errors", with_two_errors),
    path("upload", upload),
    path("post", require_POST(upload)),
    path("ünrouted/<int:pk>", upload),
    path("broken", lambda request: 1 / 0),
]


@pytest.fixture
def said():
    """Send a request; return what lines other than its own say, and of which exception."""

    def send(path, method="GET", **request):
        with override_settings(ROOT_URLCONF=__name__), capture_lines() as lines:
            Client(raise_request_exception=False).generic(method, path, **request)
        assert [line["log.logger"] for line in lines].count("django_ops.request") == 1
        others = [line for line in lines if line["log.logger"] != "django_ops.request"]
        assert all("id" in line["http"]["request"] for line in others)
        return [(line["message"], line.get("error", {}).get("message")) for line in others]

    return send


@pytest.mark.parametrize("path", ["/broken", "/nowhere", "/%C3%BCnrouted/x", "/nowhere%5C"])
def test_django__repeats_the_line(said, path):
    assert said(path) == []


def test_django__repeats_the_line_with_its_method(said):
    assert said("/post") == []


def test_handler__of_the_project_is_told(said):
    assert said("/handled") == said("/handled-in-a-wrapper") == [("order 17 cannot be parsed", "the parser failed")]


def test_django__repeats_the_line_of_a_wrapped_request(said):
    assert said("/repeated-in-a-wrapper") == []


def test_warning__of_the_project_is_told(said):
    assert said("/warned") == [("stock is low: /warned", None)]


def test_exception__that_django_answers_is_told(said):
    assert said("/bad") == [("the cursor is not ours: /bad", "the cursor is not ours")]
    assert said("/denied") == [("Forbidden (Permission denied): /denied", "not your order")]


def test_reason__of_the_project_is_told(said):
    assert said("/custom") == [("No such currency: /custom", None)]


def test_exception__that_is_another_one_is_told(said):
    assert said("/with-two-errors") == [("Internal Server Error: /with-two-errors", "the first")]


def test_multipart__that_is_broken_is_told(said):
    told = said("/upload", "POST", data="x", content_type="multipart/form-data; boundary=")
    assert told == [("Bad request (Unable to parse request body): /upload", "Invalid boundary in multipart: ")]


def test_line__that_is_switched_off_leaves_djangos(said):
    with override_settings(ROOT_URLCONF=__name__), capture_lines("django") as lines:
        logging.getLogger("django_ops.request").setLevel(logging.CRITICAL)
        try:
            Client(raise_request_exception=False).get("/broken")
        finally:
            logging.getLogger("django_ops.request").setLevel(logging.NOTSET)
    assert [line["error"]["type"] for line in lines] == ["ZeroDivisionError"]
