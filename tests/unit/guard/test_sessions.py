"""The session store that keeps hashes of keys: whatever Django does with a session works, and no row opens one."""

import asyncio
from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone

from django_ops.guard.sessions import STORED_LENGTH, SessionStore, stored_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _engine():
    with override_settings(SESSION_ENGINE="django_ops.guard.sessions"):
        yield


def saved(**content: object) -> SessionStore:
    session = SessionStore()
    session.update(content)
    session.save()
    return session


def content(key: str | None) -> dict[str, object]:
    return dict(SessionStore(key).items())


def test_row__has_the_hash_and_fits_the_column():
    session = saved(cart=1)
    assert [row.session_key for row in Session.objects.all()] == [stored_key(session.session_key)]
    assert Session._meta.get_field("session_key").max_length == STORED_LENGTH


def test_key__opens_the_session():
    assert content(saved(cart=1).session_key) == {"cart": 1}


def test_what_the_table_shows__opens_nothing():
    saved(cart=1)
    thief = SessionStore(Session.objects.get().session_key)
    assert dict(thief.items()) == {}
    assert thief.session_key is None


def test_row_of_django_s_own_store__opens_nothing():
    """So whoever is signed in when the setting changes signs in once more."""
    django_s = import_module("django.contrib.sessions.backends.db").SessionStore()
    django_s["cart"] = 1
    django_s.save()
    assert content(django_s.session_key) == {}


def test_exists__knows_the_key_and_not_the_hash():
    session = saved()
    assert session.exists(session.session_key)
    assert not session.exists(stored_key(session.session_key))


def test_save__keeps_one_row():
    session = saved(cart=1)
    session["cart"] = 2
    session.save()
    assert content(session.session_key) == {"cart": 2}
    assert Session.objects.count() == 1


def test_cycle_key__leaves_nothing_under_the_former_one():
    session = saved(cart=1)
    former = session.session_key
    session.cycle_key()
    assert (content(session.session_key), content(former), Session.objects.count()) == ({"cart": 1}, {}, 1)


def test_flush__removes_the_row():
    session = saved(cart=1)
    session.flush()
    assert (session.session_key, Session.objects.count()) == (None, 0)


def test_delete__of_a_named_session():
    session = saved()
    SessionStore().delete(session.session_key)
    SessionStore().delete()
    assert Session.objects.count() == 0


def test_clearsessions__removes_what_has_expired():
    saved(cart=1)
    kept = saved(cart=2)
    Session.objects.exclude(session_key=stored_key(kept.session_key)).update(
        expire_date=timezone.now() - timedelta(days=1)
    )
    call_command("clearsessions")
    assert content(kept.session_key) == {"cart": 2}
    assert Session.objects.count() == 1


def test_key_with_a_nul__is_nobody_s():
    assert content("abcdefgh\x00") == {}


@pytest.mark.django_db(transaction=True)
def test_async__does_the_same():
    async def life() -> tuple[object, ...]:
        session = SessionStore()
        await session.aset("cart", 1)
        await session.asave()
        key = session.session_key
        found = await SessionStore(key).aget("cart"), await session.aexists(key)
        stolen = await SessionStore(stored_key(key)).aget("cart")
        await session.acycle_key()
        moved = await session.aexists(key), await SessionStore(session.session_key).aget("cart")
        await session.aflush()
        return (*found, stolen, *moved, await Session.objects.acount())

    assert asyncio.run(life()) == (1, True, None, False, 1, 0)


def test_sign_in__and_out():
    user = get_user_model().objects.create_user("ann")
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert Session.objects.get().session_key == stored_key(cookie)
    client.logout()
    assert Session.objects.count() == 0
