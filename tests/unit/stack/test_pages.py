"""The inventory's pages: what they show, to whom, and for how many queries."""

import json

import pytest
from django.core.cache import cache
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from django_ops.access.attempts import limits
from stack.inventory.models import InventoryReport, Server

FORM = {
    "hostname": "ams1-p-new-01",
    "address": "192.0.2.200",
    "status": "active",
    "operating_system": "Debian 13",
    "cpu_cores": "4",
    "memory_gib": "8",
    "disk_gib": "80",
}


@pytest.fixture
def form(places):
    centre, production, _staging = places
    return {**FORM, "data_centre": centre.pk, "environment": production.pk}


@pytest.fixture
def queries_of(client, make_server, django_assert_max_num_queries):
    """The number of queries that a page needs, with a given number of servers."""

    def count(url: str, servers: int) -> int:
        for number in range(Server.objects.count(), servers):
            make_server(f"web-{number:02}", tags=("web", f"tag-{number % 5}"))
        with django_assert_max_num_queries(20) as captured:
            answer = client.get(url)
            b"".join(answer)
        assert answer.status_code == 200
        return len(captured)

    return count


@pytest.mark.parametrize(
    "url", ["/", "/servers/", "/servers/?tag=web&q=web&sort=-memory_gib", "/servers.json", "/servers.csv"]
)
def test_queries__do_not_grow_with_the_servers(queries_of, url):
    assert queries_of(url, servers=2) == queries_of(url, servers=18)


def test_queries__the_list_needs_six(queries_of):
    # the choices of three filters, the number of servers, the servers with what they belong to, their tags
    assert queries_of("/servers/", servers=18) == 6


def test_home__links_to_what_there_is(client, places):
    page = client.get("/").content.decode()
    assert [link for link in ("/servers/", "/admin/", "/livez", "/readyz", "/metrics") if f'href="{link}' in page] == [
        "/servers/", "/admin/", "/livez", "/readyz", "/metrics",
    ]  # fmt: skip


def test_home__an_empty_inventory_says_how_to_begin(client, db):
    assertContains(client.get("/"), "load_demo")


def test_home__retired_servers_are_not_counted(client, make_server):
    make_server("web-01")
    make_server("web-02", status="retired", retired_on="2025-01-01")
    assert [centre.server_count for centre in client.get("/").context["data_centres"]] == [1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["app-01", "db-01", "web-01"]),
        ("q=web", ["web-01"]),
        ("q=192.0.2.2", ["db-01"]),
        ("q=RACK+7", ["db-01"]),
        ("q=rack+web", []),
        ("environment=staging", ["app-01"]),
        ("status=maintenance", ["app-01"]),
        ("tag=critical", ["db-01", "web-01"]),
        ("data_centre=ams1&tag=critical&q=db", ["db-01"]),
        ("sort=-cpu_cores", ["db-01", "app-01", "web-01"]),
    ],
)
def test_list__filters(client, make_server, places, query, expected):
    make_server("web-01", tags=("critical", "public"), cpu_cores=2)
    make_server("db-01", tags=("critical",), notes="Rack 7", cpu_cores=32)
    make_server("app-01", environment=places[2], status="maintenance")
    assert [server.hostname for server in client.get(f"/servers/?{query}").context["servers"]] == expected


@pytest.mark.parametrize(
    "query", ["environment=moon", "status=;drop", "tag=x", "sort=notes", "page=-7", "page=x", "page=99"]
)
def test_list__nonsense_filters_nothing(client, make_server, query):
    make_server("web-01")
    assertContains(client.get(f"/servers/?{query}"), "web-01")


def test_list__does_not_look_for_what_no_text_holds(client, make_server):
    assertContains(client.get("/servers/?q=%00"), "There is a NUL in the URL.", status_code=400)


def test_edit__with_a_hostname_that_is_none_comes_back(admin_client, make_server, form):
    make_server("web-01")
    page = admin_client.post("/servers/web-01/edit/", {**form, "hostname": "mailto:x"})
    assertContains(page, 'href="/servers/web-01/"')


def test_list__pages_keep_the_filter(client, make_server):
    for number in range(25):
        make_server(f"web-{number:02}")
    assertContains(client.get("/servers/?q=web"), 'href="?q=web&amp;page=2"')


def test_list__the_second_page_has_the_rest(client, make_server):
    for number in range(25):
        make_server(f"web-{number:02}")
    assert [server.hostname for server in client.get("/servers/?page=2").context["servers"]] == [
        f"web-{number:02}" for number in range(20, 25)
    ]


def test_list__what_users_wrote_is_escaped(client, make_server):
    make_server("web-01", operating_system="<script>alert(1)</script>")
    assertNotContains(client.get("/servers/"), "<script>")


def test_json__a_server(client, make_server):
    make_server("web-01", tags=("web",))
    answer = json.loads(client.get("/servers.json").content)
    assert answer["servers"][0] | {"updated_at": ""} == {
        "hostname": "web-01",
        "address": "192.0.2.1",
        "data_centre": "ams1",
        "environment": "production",
        "status": "active",
        "operating_system": "Debian 13",
        "cpu_cores": 4,
        "memory_gib": 16,
        "disk_gib": 80,
        "tags": ["web"],
        "updated_at": "",
    }


def test_json__counts_all_pages(client, make_server):
    for number in range(21):
        make_server(f"web-{number:02}")
    answer = json.loads(client.get("/servers.json").content)
    assert (answer["count"], answer["pages"], len(answer["servers"])) == (21, 2, 20)


def test_detail__shows_the_server(client, make_server):
    server = make_server("web-01", tags=("public",), notes="Rack 7")
    page = client.get(server.get_absolute_url())
    for text in ("web-01", "192.0.2.1", "Amsterdam Science Park", "public", "Rack 7"):
        assertContains(page, text)


def test_detail__no_such_server(client, db):
    answer = client.get("/servers/none/")
    assert answer.status_code == 404
    assertContains(answer, "There is no such page", status_code=404)


@pytest.mark.parametrize("name", ["server-new", "password"])
def test_signed_out__is_asked_to_sign_in(client, db, name):
    url = reverse("inventory:server-new") if name == "server-new" else reverse("password_change")
    assertRedirects(client.get(url), f"/account/login/?next={url}")


def test_edit__signed_out(client, make_server, form):
    server = make_server("web-01")
    client.post(reverse("inventory:server-edit", args=["web-01"]), form)
    server.refresh_from_db()
    assert server.hostname == "web-01"


def test_add__creates_the_server(signed_in, form):
    assertRedirects(signed_in.post("/new/", form), "/servers/ams1-p-new-01/")


def test_add__says_so(signed_in, form):
    assertContains(signed_in.post("/new/", form, follow=True), "ams1-p-new-01 was added.")


def test_edit__changes_the_server(signed_in, make_server, form):
    server = make_server("web-01")
    signed_in.post("/servers/web-01/edit/", {**form, "notes": "moved"})
    server.refresh_from_db()
    assert (server.hostname, server.notes) == ("ams1-p-new-01", "moved")


def test_edit__another_user_s_text_is_escaped(signed_in, make_server):
    make_server("web-01", notes="</textarea><script>")
    assertNotContains(signed_in.get("/servers/web-01/edit/"), "<script>")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"hostname": "Bad Name"}, "small letters, digits and hyphens"),
        ({"hostname": "web-01"}, "Server with this Hostname already exists."),
        ({"address": "300.0.0.1"}, "Enter a valid IPv4 or IPv6 address."),
        ({"cpu_cores": "0"}, "greater than or equal to 1"),
        ({"status": "retired"}, "A retired server has the date"),
        (
            {"status": "retired", "commissioned_on": "2025-01-02", "retired_on": "2025-01-01"},
            "cannot be retired before it was commissioned",
        ),
    ],
)
def test_form__says_what_is_wrong(signed_in, make_server, form, changed, message):
    make_server("web-01")
    assertContains(signed_in.post("/new/", {**form, **changed}), message)


def test_report__none_yet(client, db):
    assertContains(client.get("/report/"), "No report was computed yet.")


def test_recompute__computes_at_once(signed_in, make_server):
    make_server("web-01")
    signed_in.post("/report/recompute/")
    assert InventoryReport.objects.get().content["totals"]["servers"] == 1


def test_recompute__signed_out(client, db):
    client.post("/report/recompute/")
    assert not InventoryReport.objects.exists()


def test_recompute__needs_a_post(signed_in):
    assert signed_in.get("/report/recompute/").status_code == 405


def test_recompute__with_a_broker_it_says_to_wait(signed_in, settings, monkeypatch):
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr("stack.inventory.views.recompute_report.delay", lambda: None)
    assertContains(signed_in.post("/report/recompute/", follow=True), "is being computed")


@pytest.mark.parametrize(("demo", "slept"), [(True, [2.0]), (False, [])])
def test_report__is_slow_only_in_a_demo(client, db, settings, monkeypatch, demo, slept):
    naps = []
    monkeypatch.setattr("stack.inventory.views.time.sleep", naps.append)
    settings.DEMO = demo
    client.get("/report/?slow=2")
    assert naps == slept


def test_password__the_current_one_is_refused(signed_in):
    page = signed_in.post(
        "/account/password/",
        {
            "old_password": "a long password",
            "new_password1": "a long password",
            "new_password2": "a long password",
        },
    )
    assert page.status_code == 200
    assert page.context["form"].errors["new_password2"]


def test_password__a_new_one_is_taken(signed_in):
    answer = signed_in.post(
        "/account/password/",
        {
            "old_password": "a long password",
            "new_password1": "quite another phrase",
            "new_password2": "quite another phrase",
        },
    )
    assertRedirects(answer, "/")


def test_guesses__are_refused_at_both_doors(client, admin_user, monkeypatch):
    """Sixty at the administrator: ten are looked at, whichever door they come to."""
    cache.clear()
    monkeypatch.setattr(limits.time, "time", lambda: 0.0)  # counts end with their five minutes
    looked_at = []
    monkeypatch.setattr(type(admin_user), "check_password", lambda user, raw: looked_at.append(raw))
    doors = ("/admin/login/", "/account/login/")
    statuses = [
        client.post(doors[number % 2], {"username": "admin", "password": f"guess-{number}"}).status_code
        for number in range(60)
    ]
    assert statuses == [200] * 10 + [429] * 50
    assert len(looked_at) == 10
    cache.clear()


def test_sign_out__ends_on_the_home_page(signed_in):
    assertRedirects(signed_in.post("/account/logout/"), "/")


def test_error_page__quotes_the_request_s_id(client, db):
    client.raise_request_exception = False
    answer = client.get("/demo/error/")
    assert answer.status_code == 500
    assertContains(answer, answer["X-Request-ID"], status_code=500)


def test_static__the_style_sheet_is_served(client):
    answer = client.get("/static/inventory/style.css")
    assert b":root {" in b"".join(answer)


def test_metrics__the_token_opens_them(client, db):
    assertContains(
        client.get("/metrics", headers={"Authorization": "Bearer metrics token of the tests"}), "django_http_"
    )


def test_metrics__an_administrator_may_look(admin_client):
    assert admin_client.get("/metrics").status_code == 200


def test_metrics__a_visitor_may_not(signed_in):
    assert signed_in.get("/metrics").status_code in {401, 403}
