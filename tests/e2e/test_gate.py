"""The internal UIs at /ops/: open through nginx for whom Django lets in, and for nobody else."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.commands import wait_for
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: What each UI answers to whoever may open it: a path, and words that only that program says.
UIS = {
    "flower": ("/ops/flower/workers?json=1", "celery@"),
    "grafana": ("/ops/grafana/api/user", '"login"'),
    "kibana": ("/ops/kibana/api/status", '"kibana"'),
    "prometheus": ("/ops/prometheus/api/v1/query?query=vector(1)", '"resultType":"vector"'),
    "alertmanager": ("/ops/alertmanager/api/v2/status", '"versionInfo"'),
}
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
PROGRAM = {"Accept": "application/json"}
#: So many requests meet each process of the site, whatever it remembers.
ALL_WORKERS = 20

Register = Callable[..., Visitor]


@pytest.fixture
def register(stack: Stack, visitor: Visitor) -> Register:
    """Make somebody with permissions of the gate, under a new name unless one is given, and sign them in."""

    def registered(*permissions: str, name: str = "") -> Visitor:
        name, password = name or f"e2e-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        # staff, as they sign in to the admin
        code = (
            "from django.contrib.auth.models import Permission, User;"
            f"User.objects.filter(username={name!r}).delete();"
            f"user = User.objects.create_user({name!r}, password={password!r}, is_staff=True);"
            f"found = Permission.objects.filter(codename__in={permissions!r}, content_type__app_label='ops_gate');"
            f"assert found.count() == {len(permissions)}; user.user_permissions.set(found)"
        )
        stack.exec("web", "python", "manage.py", "shell", "-c", code, timeout=60)
        return Visitor(visitor.port).sign_in(password, name)

    return registered


def test_uis__send_a_browser_of_nobody_to_sign_in(visitor: Visitor) -> None:
    answers = {ui: visitor.request(path, headers=PAGE) for ui, (path, _) in UIS.items()}
    told = {ui: (answer.status, answer.headers.get("location")) for ui, answer in answers.items()}
    assert told == {ui: (302, f"/account/login/?next={quote(path)}") for ui, (path, _) in UIS.items()}


def test_uis__say_no_to_a_program_of_nobody(visitor: Visitor) -> None:
    answers = {ui: visitor.request(path, headers=PROGRAM) for ui, (path, _) in UIS.items()}
    told = {ui: (answer.status, answer.headers.get("location")) for ui, answer in answers.items()}
    assert told == dict.fromkeys(UIS, (401, None))


def test_uis__are_open_to_the_administrator(admin: Visitor) -> None:
    answers = {ui: admin.request(path) for ui, (path, _) in UIS.items()}
    shut = {ui: it.body[:500] for ui, it in answers.items() if it.status != 200 or UIS[ui][1] not in it.body}
    assert shut == {}


def test_uis__are_shut_to_who_has_no_permission(register: Register) -> None:
    somebody = register()
    answers = {ui: somebody.request(path) for ui, (path, _) in UIS.items()}
    told = {ui: (answer.status, UIS[ui][1] in answer.body) for ui, answer in answers.items()}
    assert told == dict.fromkeys(UIS, (403, False))


def test_permission__opens_one_ui_and_no_other(register: Register) -> None:
    somebody = register("view_prometheus")
    assert [ui for ui, (path, _) in UIS.items() if somebody.request(path).status == 200] == ["prometheus"]


def test_permission__to_open_lets_nobody_change_things(register: Register) -> None:
    """To silence alerts or to revoke tasks takes another one than to see them. Alertmanager misses one in the body."""
    asked = {"alertmanager": ("api/v2/silences", 422), "flower": ("api/task/revoke/no-such-task", 200)}
    readers = register("view_alertmanager", "view_flower")
    operators = register("view_alertmanager", "view_flower", "change_alertmanager", "change_flower")
    for ui, (path, status) in asked.items():
        own_page = {"Sec-Fetch-Site": "same-origin"}
        answers = [who.request(f"/ops/{ui}/{path}", "POST", {}, headers=own_page) for who in (readers, operators)]
        assert [answer.status for answer in answers] == [403, status], answers
        assert readers.request(UIS[ui][0]).status == 200


def test_permission__that_is_taken_away_shuts_the_ui_at_once(stack: Stack, register: Register) -> None:
    somebody, (path, _) = register("view_flower"), UIS["flower"]
    assert {somebody.request(path).status for _ in range(ALL_WORKERS)} == {200}
    code = "from django.contrib.auth.models import User; User.objects.latest('pk').user_permissions.clear()"
    stack.exec("web", "python", "manage.py", "shell", "-c", code, timeout=60)
    assert {somebody.request(path).status for _ in range(ALL_WORKERS)} == {403}


def test_password__that_is_changed_shuts_the_ui_at_once(stack: Stack, register: Register) -> None:
    somebody, (path, _) = register("view_flower"), UIS["flower"]
    assert {somebody.request(path, headers=PROGRAM).status for _ in range(ALL_WORKERS)} == {200}
    code = (
        "from django.contrib.auth.models import User; u = User.objects.latest('pk'); u.set_password('x' * 20); u.save()"
    )
    stack.exec("web", "python", "manage.py", "shell", "-c", code, timeout=60)
    assert {somebody.request(path, headers=PROGRAM).status for _ in range(ALL_WORKERS)} == {401}


def test_sign_out__shuts_the_ui_at_once(admin: Visitor) -> None:
    path, _ = UIS["prometheus"]
    assert admin.request(path).status == 200
    session = admin.cookies["sessionid"].value
    admin.post("/admin/logout/", {}, page="/admin/")
    admin.cookies["sessionid"] = session
    assert admin.request(path, headers=PROGRAM).status == 401


# the pages themselves ------------------------------------------------------------------------------------------------


def test_flower__works_under_its_prefix(admin: Visitor) -> None:
    page = admin.request("/ops/flower/")
    links = set(re.findall(r'(?:href|src)="(/[^"/][^"]*)"', page.body))
    assert page.status == 200
    assert links
    assert [link for link in links if not link.startswith("/ops/flower/")] == []
    statuses = {link: admin.request(link).status for link in links}
    assert {link: status for link, status in statuses.items() if status != 200} == {}


def worker_of(admin: Visitor) -> str:
    """Return the name of the worker, once Flower has asked it about its pool."""

    def workers() -> dict[str, Any]:
        answer = admin.request("/ops/flower/api/workers?refresh=1")
        return json.loads(answer.body) if answer.status == 200 else {}

    (name,) = wait_for("Flower to know the worker", workers, 30)
    return name


def pool_size(stack: Stack, worker: str) -> int:
    """Return how many processes the worker has for tasks."""
    # with a destination it goes on with the first answer, and waits longer than its one second for it
    asked = ("inspect", "--timeout", "60", "--destination", worker, "stats", "--json")
    said = stack.exec("worker", "celery", "-A", "stack.config.celery", *asked, timeout=90)
    (stats,) = json.loads(said[said.index("{") :]).values()
    return len(stats["pool"]["processes"])


def test_flower__acts_on_a_worker_for_the_sites_own_page(stack: Stack, admin: Visitor) -> None:
    worker = worker_of(admin)
    before = pool_size(stack, worker)
    path = f"/ops/flower/api/worker/pool/grow/{worker}?n=1"
    answer = admin.request(path, "POST", {}, headers={"Origin": f"http://127.0.0.1:{admin.port}"})
    # Flower's own word where the worker does what it was told, and says so after more than a second
    assert answer.status == 200 or "Failed to grow" in answer.body, answer.body
    wait_for("the pool to have grown", lambda: pool_size(stack, worker) == before + 1, 30)
    admin.request(path.replace("grow", "shrink"), "POST", {}, headers={"Sec-Fetch-Site": "same-origin"})
    wait_for("the pool to be as before", lambda: pool_size(stack, worker) == before, 30)


def test_flower__does_not_act_for_another_sites_page(admin: Visitor) -> None:
    """Nor for one that says nothing of itself. Flower itself would: it has no protection from such requests."""
    path = f"/ops/flower/api/worker/pool/grow/{worker_of(admin)}?n=1"
    pages = [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {}]
    statuses = [(page, admin.request(path, "POST", {}, headers=page).status) for page in pages]
    assert [(page, status) for page, status in statuses if status != 403] == []


@pytest.mark.parametrize(
    ("permissions", "role"),
    [(["view_grafana"], "Viewer"), (["view_grafana", "edit_grafana"], "Editor"),
     (["view_grafana", "edit_grafana", "administer_grafana"], "Admin")],
    ids=["viewer", "editor", "administrator"],
)  # fmt: skip
def test_grafana__knows_who_somebody_is_and_their_role(register: Register, permissions: list[str], role: str) -> None:
    somebody = register(*permissions)
    told = json.loads(somebody.request("/ops/grafana/api/user").body)
    assert (told["login"][:4], told["orgRole"]) == ("e2e-", role)


def test_grafana__does_not_hear_whom_a_client_claims_to_be(register: Register) -> None:
    somebody = register("view_grafana")
    for spelling in ("X-WEBAUTH-USER", "x-webauth-user", "X_WEBAUTH_USER", "X-WebAuth_User"):
        claims = {spelling: "grafana", spelling[:-4] + "ROLE": "Admin"}
        told = json.loads(somebody.request("/ops/grafana/api/user", headers=claims).body)
        assert (told["login"][:4], told["orgRole"]) == ("e2e-", "Viewer"), spelling


def test_grafana__makes_nobody_its_own_administrator(register: Register) -> None:
    """Whom Django calls as Grafana calls its own: neither let in, nor is Grafana asked."""
    names = ("Grafana", "admin@LOCALHOST", "grafana!administrator", "x <grafana!administrator@invalid>")
    answers = {name: register("view_grafana", name=name).request("/ops/grafana/api/user") for name in names}
    told = {name: (answer.status, "an account of its own" in answer.body) for name, answer in answers.items()}
    assert told == dict.fromkeys(names, (403, True))
    somebody = json.loads(register("view_grafana", "administer_grafana").request("/ops/grafana/api/user").body)
    assert (somebody["orgRole"], somebody.get("isGrafanaAdmin", False)) == ("Admin", False)


def test_grafana__believes_nobody_but_nginx(stack: Stack, probe: Probe) -> None:
    """Asked from within its networks, by one that has another address."""
    answer = probe.http("http://grafana:3000/api/user", headers={"X-WEBAUTH-USER": "admin", "X-WEBAUTH-ROLE": "Admin"})
    assert answer.get("status") in {401, 403, 407}, answer


@pytest.mark.parametrize("ui", ["prometheus", "alertmanager"])
def test_links__lead_through_the_gate(stack: Stack, probe: Probe, ui: str) -> None:
    command = stack.container(ui)["Args"]
    assert f"--web.external-url=http://127.0.0.1:{stack.port}/ops/{ui}/" in command


# the page of the UIs -------------------------------------------------------------------------------------------------


def test_page__lists_the_uis_and_says_that_they_answer(stack: Stack, admin: Visitor) -> None:
    expected = {ui for ui in UIS if ui in stack.services}

    def answering() -> bool:
        page = admin.request("/ops/")
        assert page.status == 200
        assert {ui for ui in UIS if f'href="/ops/{ui}/"' in page.body} == set(UIS)
        return len(re.findall(r"\banswers\b", page.body)) >= len(expected)

    wait_for("every UI to be told of as one that answers", answering, 30)


def test_page__lists_nothing_that_somebody_may_not_open(register: Register) -> None:
    page = register("view_kibana").request("/ops/")
    assert {ui for ui in UIS if f"/ops/{ui}/" in page.body} == {"kibana"}


def test_admin__leads_to_the_page(admin: Visitor) -> None:
    (link,) = set(re.findall(r'href="(/admin/ops_gate/[^"]+)"', admin.request("/admin/").body))
    answer = admin.request(link)
    assert (answer.status, answer.headers["location"]) == (302, "/ops/")


# what is not there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/_ops/gate/flower/", "/_ops/gate/", "/_ops/gate/flower/sign-in"])
def test_question__cannot_be_asked_from_outside(admin: Visitor, path: str) -> None:
    assert admin.request(path).status == 404


def test_path__that_servers_read_differently_opens_nothing(register: Register) -> None:
    somebody = register("view_flower")
    paths = (
        "/ops/flower/../grafana/api/user", "/ops/flower/%2e%2e/grafana/api/user", "/ops//grafana/api/user",
        "/ops/flower//..//grafana/api/user", "/ops/flower/..%2fgrafana/api/user", "/ops/flower/..;/grafana/api/user",
    )  # fmt: skip
    answers = {path: somebody.request(path, headers=PROGRAM) for path in paths}
    opened = {
        path: it.status for path, it in answers.items() if it.status not in {400, 403, 404} or '"login"' in it.body
    }
    assert opened == {}


def test_ui__that_is_down_is_told_by_502(stack: Stack, admin: Visitor) -> None:
    stack.compose("stop", "--timeout", "5", "alertmanager")
    try:
        assert admin.request(UIS["alertmanager"][0]).status in {502, 504}
        assert admin.request(UIS["prometheus"][0]).status == 200
    finally:
        stack.compose("start", "alertmanager")
        stack.wait_healthy()


@pytest.mark.parametrize(("part", "names"), [
    ("http", ()), ("server", ("--application=$application", "--scheme=$forwarded_proto")),
])  # fmt: skip
def test_nginx__has_what_the_site_goes_by(stack: Stack, part: str, names: tuple[str, ...]) -> None:
    """One registry: what nginx's image was built with is what the running site would print."""
    printed = stack.exec("web", "python", "manage.py", "ops_gate_nginx", part, *names)
    assert stack.exec("nginx", "cat", f"/srv/www/gate/{part}.conf") == printed
    assert all(f"/ops/{ui}" in printed for ui in UIS)
