"""The inventory behind its pages: models, report, export, commands."""

import csv
import io

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from stack.inventory import report
from stack.inventory.accounts import create_admin, reset_password
from stack.inventory.demo_data import rows
from stack.inventory.export import csv_lines
from stack.inventory.models import DataCentre, InventoryReport, Server, Tag
from stack.inventory.tasks import recompute_report


@pytest.mark.parametrize(
    "fields",
    [
        {"hostname": "web-01"},
        {"address": "192.0.2.1"},
        {"cpu_cores": 0},
        {"memory_gib": 0},
        {"disk_gib": 0},
        {"status": "retired"},
        {"retired_on": "2025-01-01"},
        {"status": "retired", "retired_on": "2020-01-01"},
    ],
)
def test_server__the_database_refuses(make_server, fields):
    make_server("web-01")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_server(**{"hostname": "web-02", **fields})


def test_search__each_word_must_be_found(make_server):
    make_server("web-01", notes="Rack 7")
    make_server("web-02", notes="Rack 8")
    assert [server.hostname for server in Server.objects.search("rack web 8")] == ["web-02"]


def test_report__totals_leave_retired_servers_out(make_server):
    make_server("web-01", cpu_cores=4)
    make_server("web-02", cpu_cores=8, status="retired", retired_on="2025-01-01")
    assert report.compute()["totals"] == {"servers": 1, "cpu_cores": 4, "memory_gib": 16, "disk_gib": 80}


def test_report__groups_in_their_order(make_server, places):
    make_server("app-01", environment=places[2], cpu_cores=2)
    make_server("web-01")
    assert [(row["name"], row["cpu_cores"]) for row in report.compute()["by_environment"]] == [
        ("Production", 4), ("Staging", 2),
    ]  # fmt: skip


def test_report__an_empty_inventory(db):
    assert report.compute()["totals"]["servers"] == 0


def test_report__five_queries(make_server, django_assert_num_queries):
    make_server("web-01")
    with django_assert_num_queries(5):
        report.compute()


def test_report__old_ones_are_deleted(db, monkeypatch):
    monkeypatch.setattr(report, "KEPT_REPORTS", 2)
    newest = [report.store().pk for _ in range(4)][-2:]
    assert sorted(InventoryReport.objects.values_list("pk", flat=True)) == newest


def test_task__stores_a_report(db):
    assert InventoryReport.objects.get(pk=recompute_report.delay().get())


def test_csv__a_server(make_server):
    make_server("web-01", tags=("web", "public"), notes='Rack "7"\nunit 3')
    header, row = csv.reader(io.StringIO("".join(csv_lines(Server.objects.with_relations()))))
    assert dict(zip(header, row, strict=True)) == {
        "hostname": "web-01",
        "address": "192.0.2.1",
        "data_centre": "ams1",
        "environment": "production",
        "status": "active",
        "operating_system": "Debian 13",
        "cpu_cores": "4",
        "memory_gib": "16",
        "disk_gib": "80",
        "commissioned_on": "2024-05-01",
        "retired_on": "",
        "tags": "public web",
        "notes": 'Rack "7"\nunit 3',
    }


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_csv__no_text_becomes_a_formula(make_server, text):
    make_server("web-01", notes=text)
    *_, row = csv.reader(io.StringIO("".join(csv_lines(Server.objects.with_relations()))))
    assert row[-1] == f"'{text}"


def test_csv__is_a_stream(client, make_server):
    make_server("web-01")
    answer = client.get("/servers.csv")
    b"".join(answer)
    assert answer.streaming


def test_load_demo__a_few_dozen_servers(db):
    call_command("load_demo", verbosity=0)
    assert Server.objects.count() == len(list(rows())) == 56


def test_load_demo__twice_is_as_good_as_once(db):
    call_command("load_demo")
    call_command("load_demo")
    assert (Server.objects.count(), Server.tags.through.objects.count()) == (
        56,
        sum(len(row["tags"]) for row in rows()),
    )


def test_load_demo__changes_nothing_that_is_there(db):
    call_command("load_demo")
    Server.objects.filter(hostname="ams1-p-web-01").update(notes="mine")
    call_command("load_demo")
    assert Server.objects.get(hostname="ams1-p-web-01").notes == "mine"


def test_load_demo__brings_back_what_was_deleted(db):
    call_command("load_demo")
    Server.objects.filter(hostname="ams1-p-web-01").delete()
    call_command("load_demo")
    assert [tag.name for tag in Server.objects.get(hostname="ams1-p-web-01").tags.all()] == ["public", "web"]


def test_load_demo__an_address_that_is_taken(make_server):
    make_server("mine", address="192.0.2.11")
    call_command("load_demo")
    assert not Server.objects.filter(hostname="ams1-p-web-01").exists()


def test_load_demo__says_how_many(db, capsys):
    call_command("load_demo")
    assert capsys.readouterr().out == "56 servers added\n"


def test_load_demo__addresses_are_those_for_examples():
    assert {row["address"].rpartition(".")[0] for row in rows()} == {"192.0.2", "198.51.100", "203.0.113"}


def test_create_admin__the_password_works(client, db):
    assert client.login(username="admin", password=create_admin())


def test_create_admin__only_where_there_is_no_superuser(admin_user):
    assert create_admin() is None


def test_create_admin__no_two_passwords_are_alike(db, django_user_model):
    first = create_admin()
    django_user_model.objects.all().delete()
    assert create_admin() != first


def test_admin_password__the_printed_password_works(client, db, capsys):
    create_admin()
    call_command("admin_password")
    assert client.login(username="admin", password=capsys.readouterr().out.split()[-1])


def test_admin_password__the_old_one_no_longer_works(client, db):
    old = create_admin()
    call_command("admin_password")
    assert not client.login(username="admin", password=old)


@pytest.mark.parametrize("door", ["/admin/login/?next=/admin/", "/account/login/?next=/"])
@pytest.mark.parametrize(("password", "is_asked"), [("generated", True), ("another", False)])
def test_generated_password__is_to_be_changed(
    client, db, django_user_model, tmp_path, monkeypatch, door, password, is_asked
):
    """At the first sign-in, and at each until it is: a file still has it."""
    (tmp_path / "admin-password").write_text("generated\n")
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", str(tmp_path / "admin-password"))
    django_user_model.objects.create_superuser("admin", "", password)
    page = client.post(door, {"username": "admin", "password": password}, follow=True).content.decode()
    assert ('<a href="/account/password/">Choose another one</a>' in page) == is_asked


def test_reset_password__creates_the_user(db, django_user_model):
    reset_password("visitor", superuser=False)
    assert not django_user_model.objects.get().is_staff


@pytest.mark.parametrize("model", ["server", "datacentre", "environment", "tag", "inventoryreport"])
def test_admin__lists(admin_client, make_server, model):
    make_server("web-01", tags=("web",))
    report.store()
    assert admin_client.get(f"/admin/inventory/{model}/?q=web").status_code == 200


def test_admin__the_list_of_servers_has_no_query_per_row(admin_client, make_server, django_assert_max_num_queries):
    counts = []
    for total in (2, 12):
        for number in range(Server.objects.count(), total):
            make_server(f"web-{number:02}")
        with django_assert_max_num_queries(20) as captured:
            admin_client.get("/admin/inventory/server/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_admin__a_server_s_form(admin_client, make_server):
    assert admin_client.get(f"/admin/inventory/server/{make_server('web-01').pk}/change/").status_code == 200


@pytest.mark.parametrize("action", ["add", "change"])
def test_admin__nobody_writes_reports_by_hand(admin_client, db, action):
    url = "add/" if action == "add" else f"{report.store().pk}/change/"
    assert admin_client.post(f"/admin/inventory/inventoryreport/{url}", {}).status_code == 403


def test_names__are_what_people_read(make_server, places):
    server = make_server("web-01", tags=("web",))
    named = [server, DataCentre.objects.get(), places[1], Tag.objects.get()]
    assert list(map(str, named)) == ["web-01", "Amsterdam Science Park", "Production", "web"]
