"""Nobody gets into a store or a page of the stack without its password: neither nobody, nor who tries the usual ones.

Asked by somebody who is inside of the networks already: from outside there is nothing but nginx.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.commands import docker
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: What images come with, what guides show, and what people try.
USUAL = [
    ("admin", "admin"), ("admin", ""), ("admin", "password"), ("admin", "changeme"), ("prometheus", "prometheus"),
    ("elastic", "changeme"), ("elastic", "elastic"), ("kibana_system", "changeme"), ("root", "root"), ("user", "user"),
]  # fmt: skip


def page(url: str, right: tuple[str, str] | None, *refused: int) -> Any:
    """Return a parameter: a page, the secret file and user that open it, and the statuses of a refusal."""
    return pytest.param(url, right, set(refused), id=url.removeprefix("http://"))


PROMETHEUS = ("prometheus", "secrets-prometheus/password")
ALERTMANAGER = ("prometheus", "secrets-alertmanager/password")
FLOWER = ("admin", "secrets-django/flower-auth")
GRAFANA = ("grafana", "secrets-grafana/admin-password")
ELASTIC = ("elastic", "secrets-elasticsearch/elastic-password")
PAGES = [
    *(
        page(f"http://flower:5555/ops/flower{path}", FLOWER, 401)
        for path in ("/", "/tasks", "/api/workers", "/metrics")
    ),
    page("http://prometheus:9090/api/v1/query?query=up", PROMETHEUS, 401),
    page("http://prometheus:9090/metrics", PROMETHEUS, 401),
    page("http://prometheus:9090/-/healthy", PROMETHEUS, 401),
    page("http://alertmanager:9093/api/v2/alerts", ALERTMANAGER, 401),
    page("http://alertmanager:9093/metrics", ALERTMANAGER, 401),
    page("http://grafana:3000/api/search", GRAFANA, 401),
    page("http://grafana:3000/api/datasources", GRAFANA, 401),
    page("http://grafana:3000/metrics", ("prometheus", "secrets-grafana/prometheus-password"), 401),
    page("http://elasticsearch:9200/", ELASTIC, 401),
    page("http://elasticsearch:9200/logs-django.ops-default/_search", ELASTIC, 401),
    page("http://elasticsearch:9200/_cluster/health", ELASTIC, 401),
    page("http://kibana:5601/api/saved_objects/_find?type=index-pattern", ELASTIC, 401),
    page("http://kibana:5601/app/home", None, 302, 401),
    page("http://web:8000/metrics", None, 401, 403, 404),
]


@pytest.mark.parametrize(("url", "right", "refused"), PAGES)
def test_page__is_closed_to_nobody_in_particular(
    stack: Stack, probe: Probe, url: str, right: tuple[str, str] | None, refused: set[int]
) -> None:
    answer = probe.http(url, headers={"Host": "localhost"} if "web:" in url else {})
    assert answer.get("status") in refused, answer
    if answer["status"] == 302:
        assert "/login" in answer["headers"]["location"]


@pytest.mark.parametrize(("url", "right", "refused"), PAGES)
def test_page__is_closed_to_the_usual_passwords(
    stack: Stack, probe: Probe, url: str, right: tuple[str, str] | None, refused: set[int]
) -> None:
    host = {"Host": "localhost"} if "web:" in url else {}
    tried = [{"kind": "http", "url": url, "user": user, "password": word, "headers": host} for user, word in USUAL]
    answers = probe.ask(*tried)
    assert [answer.get("status") for answer in answers if answer.get("status") not in refused] == []


@pytest.mark.parametrize(
    ("url", "right"), [pytest.param(*item.values[:2], id=item.id) for item in PAGES if item.values[1] is not None]
)
def test_page__is_open_to_its_user(stack: Stack, probe: Probe, url: str, right: tuple[str, str]) -> None:
    """Else a page that is gone would pass for one that is closed."""
    user, file = right
    password = probe.secret(file).removeprefix(f"{user}:")
    answer = probe.http(url, user=user, password=password)
    assert answer.get("status") == 200, answer


def test_metrics_of_the_site__are_open_to_their_token_alone(stack: Stack, probe: Probe) -> None:
    url, host = "http://web:8000/metrics", {"Host": "localhost"}
    token = probe.secret("secrets-django/metrics-token")
    statuses = [
        probe.http(url, headers={**host, "Authorization": f"Bearer {word}"}).get("status")
        for word in (token, token[:-1], "", "metrics")
    ]
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {401, 403, 404}


def test_metrics_of_the_site__are_not_to_be_had_from_outside(stack: Stack, probe: Probe, visitor: Visitor) -> None:
    token = probe.secret("secrets-django/metrics-token")
    for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics"):
        answer = visitor.request(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status == 404, path


@pytest.mark.parametrize(("user", "password"), [
    ("postgres", None), ("postgres", "postgres"), ("postgres", "password"), ("postgres", ""),
    ("app", None), ("app", "app"), ("exporter", "exporter"), ("root", None),
])  # fmt: skip
def test_postgres__wants_the_password(stack: Stack, probe: Probe, user: str, password: str | None) -> None:
    question = {"kind": "sql", "host": "postgres", "dbname": "app", "user": user, "query": "SELECT 1"}
    answer = probe.ask(question if password is None else {**question, "password": password})[0]
    assert "authentication failed" in answer["error"] or "no password supplied" in answer["error"], answer


def test_postgres__wants_the_password_on_its_socket_too(stack: Stack) -> None:
    for user in ("postgres", "app"):
        command = f"psql -w -h /var/run/postgresql -U {user} -d app -Atc 'SELECT 1' 2>&1 || true"
        assert "no password supplied" in stack.exec("postgres", "sh", "-c", command)


def test_postgres__gives_the_site_no_more_than_it_needs(stack: Stack, probe: Probe) -> None:
    """Neither the site's role nor the exporter's may read files, run programs or make roles."""
    rows = probe.sql("SELECT rolname FROM pg_roles WHERE rolcanlogin AND (rolsuper OR rolcreaterole OR rolreplication)")
    assert rows == [["postgres"]]
    powers = "('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')"
    members = f"SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname IN {powers}"
    assert probe.sql(members) == [["0"]]


@pytest.mark.parametrize("sent", [
    "PING", "INFO", "KEYS *", "AUTH redis\r\nPING", "AUTH default default\r\nPING", "AUTH app app\r\nPING",
    "AUTH app \r\nPING", "HELLO 3", "CONFIG GET *",
])  # fmt: skip
def test_redis__wants_the_password(stack: Stack, probe: Probe, sent: str) -> None:
    answer = probe.ask({"kind": "tcp", "host": "redis", "port": 6379, "send": f"{sent}\r\n"})[0]
    assert all(line.startswith("-") for line in answer["text"].splitlines()), answer
    assert "NOAUTH" in answer["text"] or "WRONGPASS" in answer["text"], answer


def test_redis__answers_its_user(stack: Stack, probe: Probe) -> None:
    password = probe.secret("secrets-django/redis-url").split(":")[2].partition("@")[0]
    sent = f"AUTH app {password}\r\nPING\r\nCONFIG GET *\r\nACL LIST\r\n"
    text = probe.ask({"kind": "tcp", "host": "redis", "port": 6379, "send": sent})[0]["text"]
    assert text.startswith("+OK\r\n+PONG\r\n")
    assert text.count("-NOPERM") == 2, text


@pytest.mark.parametrize("sent", [
    "version", "stats", "get x", "flush_all", "set x 0 0 1\r\nx", "set a 0 0 11\r\nadmin admin",
    "set a 0 0 7\r\napp app",
])  # fmt: skip
def test_memcached__wants_the_password(stack: Stack, probe: Probe, sent: str) -> None:
    answer = probe.ask({"kind": "tcp", "host": "memcached", "port": 11211, "send": f"{sent}\r\n"})[0]
    assert answer["text"].startswith("CLIENT_ERROR"), answer


def test_memcached__answers_its_user(stack: Stack, probe: Probe) -> None:
    account = probe.secret("secrets-memcached/auth").replace(":", " ")
    sent = f"set a 0 0 {len(account)}\r\n{account}\r\n"
    answer = probe.ask({"kind": "tcp", "host": "memcached", "port": 11211, "send": sent})[0]
    assert answer["text"] == "STORED\r\n"


@pytest.mark.parametrize("password", ["admin", "password", "changeme", "", "django"])
def test_site__does_not_let_the_administrator_in_with(stack: Stack, visitor: Visitor, password: str) -> None:
    for path in ("/admin/login/", "/account/login/"):
        answer = visitor.post(path, {"username": "admin", "password": password})
        assert answer.status == 200, path
        assert "sessionid" not in visitor.cookies


def test_secrets__are_readable_by_their_users_alone(stack: Stack, probe: Probe) -> None:
    script = "cd /volumes && stat -c '%a %u %n' secrets-* secrets-*/*"
    for line in docker("exec", probe.name, "sh", "-c", script).splitlines():
        mode, uid, name = line.split()
        assert mode == ("400" if "/" in name else "700"), line
        readers = {
            service["user"].partition(":")[0]
            for service in stack.config["services"].values()
            for mount in service.get("volumes") or []
            if mount.get("source") == name.partition("/")[0] and mount["target"].startswith("/run/secrets/")
        }
        assert readers <= {uid}, line
