"""A limit of failed sign-ins that is set up by half."""

import pytest

from django_ops.checks.attempts import BACKEND, MIDDLEWARE

MODEL = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def sign_in(settings):
    """Set the two that must go together."""

    def set_up(backends, middleware):
        settings.AUTHENTICATION_BACKENDS, settings.MIDDLEWARE = backends, middleware

    return set_up


@pytest.mark.parametrize(
    ("backends", "middleware", "sentence"),
    [
        ([MODEL, BACKEND], [MIDDLEWARE], f"AUTHENTICATION_BACKENDS has {BACKEND} behind {MODEL}."),
        ([BACKEND, MODEL], [], f"{MIDDLEWARE} is missing in MIDDLEWARE."),
        ([MODEL], [MIDDLEWARE], f"{BACKEND} is missing in AUTHENTICATION_BACKENDS."),
    ],
    ids=["too late", "no middleware", "no back end"],
)
def test_limit__is_there_by_half(found, sign_in, backends, middleware, sentence):
    sign_in(backends, middleware)
    assert found("W042") == [sentence]


@pytest.mark.parametrize(("backends", "middleware"), [([MODEL], []), ([BACKEND, MODEL], [MIDDLEWARE])])
def test_limit__is_whole_or_not_there(found, sign_in, backends, middleware):
    sign_in(backends, middleware)
    assert found("W042") == []
