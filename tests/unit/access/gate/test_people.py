"""Who a session is and what they may: read each time, looked up once in a while."""

from dataclasses import replace

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import AllowAllUsersModelBackend, ModelBackend
from django.contrib.auth.models import Group, Permission, User
from django.test import override_settings

from django_ops.access.gate import people
from django_ops.access.gate.decision import Person
from django_ops.access.gate.people import afind, afind_again, credentials, find, find_again, memory
from django_ops.access.gate.registry import parse
from tests.unit.access.gate.signed_in import CACHED, ENTRY, FLOWER, permission, session_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_remembered")]


@pytest.fixture
def ann():
    return User.objects.create_user("ann", "ann@example.com", "word")


# who ----------------------------------------------------------------------------------------------------------------


def test_find__user_without_the_permission(ann):
    assert find(session_of(ann), FLOWER) == Person(str(ann.pk), "ann", "ann@example.com", may_open=False, role="")


def test_find__user_with_the_permission(ann):
    ann.user_permissions.add(permission())
    assert find(session_of(ann), FLOWER).may_open


def test_find__what_a_user_may_change(ann):
    service = replace(FLOWER, change_permission="auth.change_user")
    assert (find(session_of(ann), FLOWER).may_change, find(session_of(ann), service).may_change) == (True, False)
    memory.clear()
    ann.user_permissions.add(Permission.objects.get(codename="change_user"))
    assert find(session_of(ann), service).may_change


def test_find__user_whose_group_has_the_permission(ann):
    group = Group.objects.create(name="operators")
    group.permissions.add(permission())
    ann.groups.add(group)
    assert find(session_of(ann), FLOWER).may_open


def test_find__superuser():
    assert find(session_of(User.objects.create_superuser("root")), FLOWER).may_open


@pytest.mark.parametrize(
    "cookies",
    [
        {},
        {"sessionid": ""},
        {"sessionid": "1"},
        {"sessionid": "x" * 32},
        {"sessionid": "../x"},
        {"sessionid": "\x00" * 9},
        {"other": "x"},
    ],
)
def test_find__no_session(cookies):
    assert find(cookies, FLOWER) is None


def test_find__session_of_nobody(ann):
    assert find(session_of(ann, **{SESSION_KEY: None}), FLOWER) is None


@pytest.mark.parametrize(
    "changes",
    [
        {SESSION_KEY: "x"},
        {SESSION_KEY: "99999"},
        {BACKEND_SESSION_KEY: "a.b"},
        {BACKEND_SESSION_KEY: None},
        {HASH_SESSION_KEY: "x"},
        {HASH_SESSION_KEY: None},
    ],
)
def test_find__session_that_says_something_wrong(ann, changes):
    assert find(session_of(ann, **changes), FLOWER) is None


def test_accept_2__inactive_user(ann):
    """ACCEPT 2: an inactive user is nobody."""
    cookies = session_of(ann)
    User.objects.update(is_active=False)
    assert find(cookies, FLOWER) is None


@override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.AllowAllUsersModelBackend"])
def test_accept_2__inactive_user_of_a_backend_that_takes_them(ann):
    name = f"{AllowAllUsersModelBackend.__module__}.AllowAllUsersModelBackend"
    cookies = session_of(ann, **{BACKEND_SESSION_KEY: name})
    assert find(cookies, FLOWER) is not None
    memory.clear()
    User.objects.update(is_active=False)
    assert find(cookies, FLOWER) is None


def test_accept_2__password_has_changed(ann):
    """ACCEPT 2: a session from before the password was changed is nobody's."""
    cookies = session_of(ann)
    ann.set_password("another")
    ann.save()
    assert find(cookies, FLOWER) is None


def test_find__secret_key_was_rotated(ann, settings):
    cookies = session_of(ann)
    former = settings.SECRET_KEY
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[former]):
        assert find(cookies, FLOWER) is not None
    memory.clear()
    with override_settings(SECRET_KEY="another"):
        assert find(cookies, FLOWER) is None


def test_find__writes_nothing(ann, django_assert_num_queries):
    """A session that is no good is not deleted, one of a former key not renewed: the gate sends no cookie."""
    cookies = session_of(ann, **{HASH_SESSION_KEY: "x"})
    with django_assert_num_queries(2) as queries:
        find(cookies, FLOWER)
    assert [query["sql"].split()[0] for query in queries.captured_queries] == ["SELECT", "SELECT"]


# role and password --------------------------------------------------------------------------------------------------

ROLES = {
    **ENTRY,
    "role_header": "X-Role",
    "roles": [("ops_gate.admin", "Admin"), ("ops_gate.edit", "Editor")],
    "default_role": "Viewer",
}
GRAFANA = parse({"grafana": ROLES}, "/ops/")["grafana"]


@pytest.mark.parametrize(("codenames", "role"), [([], "Viewer"), (["edit"], "Editor"), (["edit", "admin"], "Admin")])
def test_role__first_that_fits(ann, codenames, role):
    ann.user_permissions.set([permission(codename) for codename in codenames])
    assert find(session_of(ann), GRAFANA).role == role


def test_credentials__are_basic(tmp_path):
    (tmp_path / "file").write_text("admin:wörd:x\n")
    service = parse({"a": {**ENTRY, "credentials_file": tmp_path / "file"}}, "/ops/")["a"]
    assert credentials(service) == "Basic YWRtaW46d8O2cmQ6eA=="


@pytest.mark.parametrize("text", ["", "admin", "admin:a\nb:c", "admin:a\x00"])
def test_credentials__that_are_none(tmp_path, text):
    (tmp_path / "file").write_text(text)
    service = parse({"a": {**ENTRY, "credentials_file": tmp_path / "file"}}, "/ops/")["a"]
    with pytest.raises(ValueError, match="does not hold user:password on one line"):
        credentials(service)


# without blocking ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ask", [afind, afind_again])
def test_async__the_same(ann, ask):
    from asgiref.sync import async_to_sync

    assert async_to_sync(ask)(session_of(ann), FLOWER) == find(session_of(ann), FLOWER)


def test_find_again__the_same(ann, monkeypatch):
    closed = []
    monkeypatch.setattr(people, "close_old_connections", lambda: closed.append(True))
    assert find_again(session_of(ann), FLOWER).username == "ann"
    assert len(closed) == 2


@CACHED
def test_find_again__remembers_nothing(ann):
    cookies = session_of(ann)
    find(cookies, FLOWER)
    User.objects.update(is_active=False)
    assert (find(cookies, FLOWER) is None, find_again(cookies, FLOWER) is None) == (False, True)


def test_find_again__gives_its_connection_back_after_an_error(monkeypatch):
    closed = []
    monkeypatch.setattr(people, "close_old_connections", lambda: closed.append(True))
    monkeypatch.setattr(people, "find", lambda *arguments, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        find_again({}, FLOWER)
    assert len(closed) == 2


class NoHashBackend(ModelBackend):
    """Its users are no AbstractBaseUser."""

    def get_user(self, user_id):
        class Somebody:
            pk = user_id
            is_active = True

            def get_username(self):
                return "somebody"

            def get_email_field_name(self):
                return "email"

            def has_perm(self, name):
                return True

        return Somebody()


def test_find__user_model_without_a_hash(ann):
    path = f"{__name__}.NoHashBackend"
    with override_settings(AUTHENTICATION_BACKENDS=[path]):
        cookies = session_of(ann, **{BACKEND_SESSION_KEY: path, HASH_SESSION_KEY: None})
        assert find(cookies, FLOWER) == Person(str(ann.pk), "somebody", "", may_open=True, role="")
