"""The page of the UIs, their permissions, and their place in the admin."""

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client, RequestFactory, modify_settings, override_settings
from django.urls import path

from django_ops.access.gate import permissions
from django_ops.access.gate.health import Board, State
from django_ops.access.gate.page import open_to, page

pytestmark = pytest.mark.django_db

SERVICES = {
    "flower": {"upstream": "http://flower:5555", "title": "Flower <b>"},
    "grafana": {
        "upstream": "http://grafana:3000",
        "role_header": "X-Role",
        "roles": [("ops_gate.admin_grafana", "Admin"), ("auth.view_user", "Viewer")],
    },
    "closed": {"upstream": "http://closed:1", "permission": "auth.delete_user"},
}
urlpatterns = [path("ops/", page, name="ops-gate"), path("login/", lambda request: HttpResponse(), name="login")]
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
GATE = override_settings(OPS_GATE_SERVICES=SERVICES, OPS_GATE_MODE="nginx", ROOT_URLCONF=__name__, LOGIN_URL="login")


@pytest.fixture(autouse=True)
def _gate(monkeypatch):
    with GATE:
        permissions.create()
        monkeypatch.setattr(Board, "states", lambda self, services: {service.name: State.UP for service in services})
        yield


@pytest.fixture
def ann():
    user = User.objects.create_user("ann", password="word")
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_flower", "view_grafana"]))
    return user


# permissions --------------------------------------------------------------------------------------------------------


def ours():
    return dict(Permission.objects.filter(content_type__app_label="ops_gate").values_list("codename", "name"))


def test_permissions__are_made_from_the_registry():
    assert ours() == {
        "view_flower": "Can open Flower <b>",
        "view_grafana": "Can open Grafana",
        "admin_grafana": "Is Admin in Grafana",
    }


def test_permissions__are_made_once(django_assert_num_queries):
    content_type = ContentType.objects.get(app_label="ops_gate")
    with django_assert_num_queries(2):
        permissions.create()
    assert Permission.objects.filter(content_type=content_type).count() == 3


def test_permissions__to_change_things():
    entry = {"upstream": "http://flower:5555", "change_permission": "ops_gate.change_flower"}
    with override_settings(OPS_GATE_SERVICES={"flower": entry}):
        permissions.create()
    assert ours()["change_flower"] == "Can change things in Flower"


def test_permissions__of_before_stay():
    with override_settings(OPS_GATE_SERVICES={"kibana": {"upstream": "http://kibana:5601"}}):
        permissions.create()
    assert set(ours()) == {"view_flower", "view_grafana", "admin_grafana", "view_kibana"}


def test_permissions__after_migrate():
    Permission.objects.filter(content_type__app_label="ops_gate").delete()
    call_command("migrate", verbosity=0)
    assert len(ours()) == 3


@override_settings(OPS_GATE_SERVICES={"flower": {}})
def test_permissions__of_a_registry_that_cannot_be_used(caplog):
    permissions.create()
    assert "No permissions are made" in caplog.text


@override_settings(OPS_GATE_SERVICES={})
def test_permissions__of_no_uis(django_assert_num_queries):
    with django_assert_num_queries(0):
        permissions.create()


def test_model__has_no_table_and_no_permissions_of_its_own():
    from django_ops.access.gate.models import Gate

    assert (Gate._meta.managed, Gate._meta.default_permissions, str(Gate())) == (False, (), "Internal UIs")


# the page -----------------------------------------------------------------------------------------------------------


def test_open_to__who_has_the_permission(ann):
    assert [service.name for service in open_to(ann)] == ["flower", "grafana"]


def test_open_to__superuser():
    assert [service.name for service in open_to(User.objects.create_superuser("root"))] == list(SERVICES)


def test_open_to__nobody():
    assert list(open_to(AnonymousUser())) == []


@override_settings(OPS_GATE_SERVICES={"flower": {}})
def test_open_to__registry_that_cannot_be_used(ann, caplog):
    assert list(open_to(ann)) == []
    assert 'has no "upstream"' in caplog.text


def rendered(user):
    request = RequestFactory().get("/ops/")
    request.user = user
    return page(request)


def test_page__lists_what_is_open(ann):
    text = rendered(ann).render().content.decode()
    assert '<a href="/ops/flower/">Flower &lt;b&gt;</a></th><td data-state="up">answers</td>' in text
    assert "/ops/grafana/" in text
    assert "/ops/closed/" not in text


def test_page__nothing_is_open():
    user = User.objects.create_user("bob")
    assert "There is no internal UI that you may open" in rendered(user).render().content.decode()


def test_page__is_not_kept(ann):
    assert "no-store" in rendered(ann).headers["Cache-Control"]


def test_page__has_nothing_that_a_strict_policy_forbids(ann):
    text = rendered(ann).render().content.decode().lower()
    assert not any(word in text for word in ("<script", "<style", "style=", "onclick", "javascript:"))


def test_page__nobody_is_sent_to_sign_in():
    response = rendered(AnonymousUser())
    assert (response.status_code, response.headers["Location"]) == (302, "/login/?next=/ops/")


def test_page__only_reads(ann):
    request = RequestFactory().post("/ops/")
    request.user = ann
    assert page(request).status_code == 405


@modify_settings(INSTALLED_APPS={"append": "django.contrib.admin"})
def test_page__beside_an_admin_without_urls(ann):
    ann.is_staff = True
    assert rendered(ann).context_data["base"] == "ops_gate/base.html"


@pytest.mark.parametrize(("is_staff", "base"), [(True, "admin/base_site.html"), (False, "ops_gate/base.html")])
def test_page__beside_the_admin(ann, is_staff, base):
    with modify_settings(INSTALLED_APPS={"append": ["django.contrib.admin", "django.contrib.messages"]}):
        from types import ModuleType

        from django.contrib import admin

        urls = ModuleType("urls")
        urls.urlpatterns = [*urlpatterns, path("admin/", admin.site.urls)]
        ann.is_staff = is_staff
        with override_settings(ROOT_URLCONF=urls):
            assert rendered(ann).context_data["base"] == base


# the admin ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_admin():
    with modify_settings(INSTALLED_APPS={"append": ["django.contrib.admin", "django.contrib.messages"]}):
        from django.contrib.admin import AdminSite

        from django_ops.access.gate.admin import GateAdmin
        from django_ops.access.gate.models import Gate

        yield GateAdmin(Gate, AdminSite())


def asked(user):
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


def test_admin__is_seen_by_those_who_may_open_something(in_admin, ann):
    assert (in_admin.has_module_permission(asked(ann)), in_admin.has_view_permission(asked(ann))) == (True, True)


def test_admin__is_not_seen_by_others(in_admin):
    assert not in_admin.has_module_permission(asked(User.objects.create_user("bob")))


def test_admin__is_not_seen_where_the_page_is_missing(in_admin, ann):
    with override_settings(ROOT_URLCONF="tests.urls"):
        assert not in_admin.has_view_permission(asked(ann))


def test_admin__nothing_can_be_changed(in_admin):
    request = asked(User.objects.create_superuser("root"))
    assert not in_admin.has_add_permission(request)
    assert not in_admin.has_change_permission(request)
    assert not in_admin.has_delete_permission(request)


def test_admin__leads_to_the_page(in_admin, ann):
    assert in_admin.changelist_view(asked(ann)).headers["Location"] == "/ops/"


# urls ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "names"),
    [("", []), ("nginx", ["ops-gate"]), ("proxy", ["ops-gate", "ops-gate-service", "ops-gate-proxy"])],
)
def test_urls__of_the_mode(mode, names):
    from django_ops.access.gate.urls import patterns

    with override_settings(OPS_GATE_MODE=mode):
        assert [pattern.name for pattern in patterns()] == names


def test_page__through_the_url(ann):
    client = Client()
    client.force_login(ann)
    middleware = ["django.contrib.sessions.middleware.SessionMiddleware", AUTHENTICATION]
    with override_settings(MIDDLEWARE=middleware):
        assert client.get("/ops/").status_code == 200
