"""What is remembered of users, for how long, and what makes it forgotten."""

from importlib import import_module

import pytest
from django.contrib.auth.models import Group, User
from django.test import override_settings

from django_ops.access.gate import changes, people
from django_ops.access.gate.people import find, memory
from django_ops.access.gate.registry import parse
from tests.unit.access.gate.signed_in import CACHED, ENTRY, FLOWER, permission, session_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_remembered")]


@pytest.fixture
def clock(monkeypatch):
    """The clock by which answers grow old."""
    now = [1000.0]
    monkeypatch.setattr(people, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def ann():
    return User.objects.create_user("ann", "ann@example.com", "word")


# what is remembered -------------------------------------------------------------------------------------------------


@CACHED
def test_warm__runs_no_sql(ann, django_assert_num_queries):
    """The issue: no SQL when sessions are cached."""
    cookies = session_of(ann)
    find(cookies, FLOWER)
    with django_assert_num_queries(0):
        assert find(cookies, FLOWER).username == "ann"


@CACHED
def test_warm__lasts_as_long_as_the_setting_says(ann, clock, django_assert_num_queries):
    cookies = session_of(ann)
    find(cookies, FLOWER)
    clock[0] += 4.9
    with django_assert_num_queries(0):
        find(cookies, FLOWER)
    User.objects.update(username="bea")  # without a signal, as another process does it
    clock[0] += 0.2
    assert find(cookies, FLOWER).username == "bea"


@override_settings(OPS_GATE_CACHE_SECONDS=0)
def test_warm__not_at_all(ann):
    cookies = session_of(ann)
    find(cookies, FLOWER)
    User.objects.update(is_active=False)
    assert find(cookies, FLOWER) is None


def test_sign_out__counts_at_once(ann):
    cookies = session_of(ann)
    assert find(cookies, FLOWER) is not None
    import_module("django.contrib.sessions.backends.db").SessionStore(cookies["sessionid"]).delete()
    assert find(cookies, FLOWER) is None


def test_memory__is_of_one_session_hash(ann):
    """A session from before the password was changed does not live on what the new one has found."""
    before = session_of(ann)
    User.objects.filter(pk=ann.pk).update(password="another")
    ann.refresh_from_db()
    assert find(session_of(ann), FLOWER) is not None
    assert find(before, FLOWER) is None


def test_memory__is_of_one_service(ann):
    ann.user_permissions.add(permission())
    cookies = session_of(ann)
    other = parse({"other": ENTRY}, "/ops/")["other"]
    assert (find(cookies, FLOWER).may_open, find(cookies, other).may_open) == (True, False)


def test_memory__is_bounded(ann, monkeypatch):
    monkeypatch.setattr(people, "MOST_REMEMBERED", 3)
    cookies = session_of(ann)
    for number in range(9):
        find(cookies, parse({f"ui{number}": ENTRY}, "/ops/")[f"ui{number}"])
    assert len(memory) == 3


def test_memory__is_cleared_while_somebody_is_looked_up(ann, monkeypatch):
    """What was looked up before the change is not remembered after it."""
    look_up = people.look_up

    def slow(claim, service):
        found = look_up(claim, service)
        memory.clear()
        return found

    monkeypatch.setattr(people, "look_up", slow)
    find(session_of(ann), FLOWER)
    assert len(memory) == 0


# at once, in this process -------------------------------------------------------------------------------------------


def _deactivate(user):
    user.is_active = False
    user.save()


CHANGES = {
    "user saved": _deactivate,
    "user deleted": lambda user: user.delete(),
    "permission given": lambda user: user.user_permissions.add(permission("other")),
    "permission taken": lambda user: user.user_permissions.clear(),
    "group given": lambda user: user.groups.add(Group.objects.create(name="operators")),
    "group deleted": lambda user: Group.objects.create(name="operators").delete(),
    "group's permission": lambda user: Group.objects.create(name="operators").permissions.add(permission()),
    "permission deleted": lambda user: permission().delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change__is_noticed(ann, change):
    find(session_of(ann), FLOWER)
    assert len(memory) == 1
    change(ann)
    assert len(memory) == 0


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change__is_told_to_other_processes(ann, change, django_capture_on_commit_callbacks):
    """When it is committed: whoever looks before that finds what was."""
    before = changes.latest()
    with django_capture_on_commit_callbacks(execute=True):
        change(ann)
        assert changes.latest() == before
    assert changes.latest() != before


@CACHED
def test_change__of_another_process_counts_at_once(ann, clock):
    cookies = session_of(ann)
    assert find(cookies, FLOWER) is not None
    User.objects.update(password="another")  # without a signal
    assert find(cookies, FLOWER) is not None
    changes.tell()
    assert find(cookies, FLOWER) is None


@CACHED
def test_change__nothing_remembered_counts_without_the_cache(ann, monkeypatch):
    cookies = session_of(ann)
    find(cookies, FLOWER)
    monkeypatch.setattr(changes, "cache", None)
    User.objects.update(password="another")
    assert find(cookies, FLOWER) is None


def test_change__signing_in_is_none(ann):
    find(session_of(ann), FLOWER)
    ann.save(update_fields=["last_login"])
    assert len(memory) == 1
