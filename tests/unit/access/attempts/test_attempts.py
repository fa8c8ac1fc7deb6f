"""Guesses of passwords: how many are looked at, whom they lock out, and for how long."""

import asyncio
from types import ModuleType

import pytest
from django.contrib.auth import aauthenticate, authenticate, login
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path

from django_ops.access.attempts import limits
from django_ops.testing import capture_metrics

pytestmark = pytest.mark.django_db

BACKEND = "django_ops.access.attempts.backend.AttemptsBackend"
STRANGER, ANOTHER, KNOWN = "192.0.2.1", "192.0.2.2", "198.51.100.7"


def sign_in(request):
    """A door that knows nothing of limits, as most are."""
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    if user is None:
        return HttpResponse("wrong")
    login(request, user)
    return HttpResponse("in")


async def asign_in(request):
    user = await aauthenticate(request, username=request.POST["username"], password=request.POST["password"])
    return HttpResponse("wrong" if user is None else "right")


@pytest.fixture
def clock(monkeypatch):
    """The clock by which windows end."""
    now = [limits.WINDOW_SECONDS * 1000.0]
    monkeypatch.setattr(limits.time, "time", lambda: now[0])
    return now


@pytest.fixture
def hashed(monkeypatch):
    """Each password that was looked at, of users that exist and of others."""
    seen = []
    check, make = User.check_password, User.set_password
    monkeypatch.setattr(User, "check_password", lambda user, raw: seen.append(raw) or check(user, raw))
    monkeypatch.setattr(User, "set_password", lambda user, raw: seen.append(raw) or make(user, raw))
    return seen


@pytest.fixture(autouse=True)
def site(settings, clock):
    urls = ModuleType("urls")
    urls.urlpatterns = [path("in/", sign_in), path("ain/", asign_in)]
    settings.ROOT_URLCONF = urls
    settings.AUTHENTICATION_BACKENDS = [BACKEND, "django.contrib.auth.backends.ModelBackend"]
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django_ops.access.attempts.middleware.attempts",
    ]
    cache.clear()
    User.objects.create_user("ann", password="right")
    yield
    cache.clear()


def guess(password="wrong", username="ann", address=STRANGER, **meta):
    return Client(REMOTE_ADDR=address, **meta).post("/in/", {"username": username, "password": password})


def statuses(*passwords, **options):
    return [guess(password, **options).status_code for password in passwords]


def test_sixty_guesses__ten_are_looked_at(hashed, clock):
    """The attack: 60 guesses within 12 seconds."""
    clock[0] += 10
    answers = [guess(f"guess-{number}") for number in range(60)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 50
    assert hashed == [f"guess-{number}" for number in range(10)]
    assert answers[-1]["Retry-After"] == "290"
    assert b"Try again in 290 seconds" in answers[-1].content


@pytest.mark.parametrize("username", ["ANN", "\uff41nn"])
def test_account__however_it_is_written(username):
    assert statuses(*["wrong"] * 10, username=username) == [200] * 10
    assert statuses("right") == [429]


def test_account__from_many_addresses():
    assert [guess(address=f"192.0.2.{number}").status_code for number in range(12)] == [200] * 10 + [429] * 2


def test_address__tries_many_accounts(hashed):
    answers = [guess(username=f"somebody-{number}").status_code for number in range(40)]
    assert answers == [200] * 30 + [429] * 10
    assert len(hashed) == 30
    assert statuses("right", address=ANOTHER) == [200]


def test_address__of_ipv6_is_its_network():
    answers = [guess(username=f"u{number}", address=f"2001:db8::{number:x}").status_code for number in range(32)]
    assert answers == [200] * 30 + [429] * 2
    assert statuses("right", address="2001:db8:0:1::1") == [200]


def test_address__of_ipv4_within_ipv6_is_its_own():
    """A socket for both families tells every IPv4 client so: they are not one network."""
    for number in range(30):
        guess(username=f"u{number}", address=f"::ffff:{STRANGER}")
    assert statuses("right", address=f"::ffff:{STRANGER}") == [429]
    assert statuses("right", address=f"::ffff:{ANOTHER}") == [200]


def test_address__is_what_a_trusted_proxy_says(settings):
    settings.OPS_TRUSTED_PROXIES = ["10.0.0.1"]
    for number in range(30):
        guess(username=f"u{number}", address="10.0.0.1", HTTP_X_FORWARDED_FOR=STRANGER)
    assert statuses("right", address="10.0.0.1", HTTP_X_FORWARDED_FOR=STRANGER) == [429]
    assert statuses("right", address="10.0.0.1", HTTP_X_FORWARDED_FOR=ANOTHER) == [200]


def test_known_address__is_not_locked_out_by_strangers():
    assert statuses("right", address=KNOWN) == [200]
    statuses(*["wrong"] * 12)
    assert guess("right", address=KNOWN).content == b"in"
    assert statuses("right", address=ANOTHER) == [429]


def test_known_address__has_a_limit_too():
    statuses("right", address=KNOWN)
    assert statuses(*["wrong"] * 10, "right", address=KNOWN) == [200] * 10 + [429]
    assert statuses("right") == [200]


def test_window__ends(clock):
    assert statuses(*["wrong"] * 10, "right") == [200] * 10 + [429]
    clock[0] += limits.WINDOW_SECONDS
    assert guess("right").content == b"in"


def test_success__costs_nothing():
    assert statuses(*["right"] * 40) == [200] * 40


def test_cache_that_is_gone__does_not_lock_out(monkeypatch, caplog):
    monkeypatch.setattr(limits, "cache", None)
    assert guess("right").content == b"in"
    assert guess().status_code == 200
    assert "are not limited" in caplog.text
    assert "cannot be counted" in caplog.text


def test_refusal__is_counted_and_told(caplog):
    statuses(*["wrong"] * 10)
    with capture_metrics() as metrics:
        guess("right", username="ann")
        guess("wrong", username="bob", address=ANOTHER)
    assert metrics("django_ops_sign_in_failures_total", reason="refused") == 1
    assert metrics("django_ops_sign_in_failures_total", reason="wrong") == 1
    (record,) = [record for record in caplog.records if record.name == "django_ops.access.attempts"]
    assert (record.sign_in_limit, record.sign_in_client) == ("account", STRANGER)
    assert "ann" not in record.getMessage()


def test_no_request__counts_for_the_account():
    """A command, or a protocol of another kind."""
    assert [authenticate(username="ann", password="wrong") for _ in range(10)] == [None] * 10
    assert authenticate(username="ann", password="right") is None
    assert statuses("right", username="ann") == [429]


def test_sign_in_without_a_password__is_not_ours():
    statuses(*["wrong"] * 10)
    request = RequestFactory().get("/", REMOTE_ADDR=STRANGER)
    assert authenticate(request, token="of a link") is None
    assert not [name for name in vars(request) if name.startswith("_ops_sign_in")]


def test_async__the_same(transactional_db):
    User.objects.all().delete()
    User.objects.create_user("ann", password="right")

    async def ask():
        client = AsyncClient()
        return [(await client.post("/ain/", {"username": "ann", "password": "wrong"})).status_code for _ in range(12)]

    assert asyncio.run(ask()) == [200] * 10 + [429] * 2


def test_session__is_kept_in_the_name_of_the_other_backend(client):
    client.force_login(User.objects.get())
    assert client.session["_auth_user_backend"] == "django.contrib.auth.backends.ModelBackend"
