"""The user of a request is told when the application has loaded one, and never loaded for it."""

import asyncio

import pytest
from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import path

pytestmark = pytest.mark.usefixtures("connections_are_kept")


OPS = "django_ops.middleware.OpsMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


def greet(request):
    return HttpResponse("hello")


def touch(request):
    return HttpResponse(str(request.user.pk))


async def atouch(request):
    return HttpResponse(str((await request.auser()).pk))


def sign_in(request):
    login(request, User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse("in")


def sign_out(request):
    logout(request)
    return HttpResponse("out")


urlpatterns = [
    path("greet", greet),
    path("touch", touch),
    path("atouch", atouch),
    path("in", sign_in),
    path("out", sign_out),
]


@pytest.fixture
def signed_in(db, settings, client):
    """A test client of a user who has signed in, and the user."""
    settings.MIDDLEWARE = [OPS, SESSIONS, AUTHENTICATION]
    settings.ROOT_URLCONF = __name__
    user = User.objects.create_user("somebody")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client, user


def test_user__is_never_loaded(signed_in, records, django_assert_num_queries):
    client, _ = signed_in
    with django_assert_num_queries(0):
        response = client.get("/greet")
    assert (response.headers.get("Vary"), records[0].user_id) == (None, None)


def test_user__whom_the_view_has_loaded(signed_in, records, django_assert_num_queries):
    client, user = signed_in
    with django_assert_num_queries(2):
        client.get("/touch")
    assert records[0].user_id == str(user.pk)


def test_user__who_signs_in_with_this_request(signed_in, records):
    client, user = signed_in
    client.logout()
    client.get("/in")
    assert records[0].user_id == str(user.pk)


def test_user__who_signs_out_with_this_request(signed_in, records):
    signed_in[0].get("/out")
    assert records[0].user_id is None


@pytest.mark.django_db(transaction=True)
def test_user__whom_an_async_view_has_awaited(settings, async_client, records):
    settings.MIDDLEWARE = [OPS, SESSIONS, AUTHENTICATION]
    settings.ROOT_URLCONF = __name__
    user = User.objects.create_user("somebody")
    async_client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    asyncio.run(async_client.get("/atouch"))
    assert records[0].user_id == str(user.pk)
