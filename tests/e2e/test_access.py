"""Nobody gets into a store or a page of the stack without its password: neither nobody, nor who tries the usual ones.

Asked by somebody who is inside of the networks already: from outside there is nothing but nginx.
"""

from __future__ import annotations

import re
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.e2e.commands import docker, wait_for
from tests.e2e.lines import field, in_files
from tests.e2e.probe import Probe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

#: For some hundred questions, one after the other.
ALL_SECONDS = 60
#: What images come with, what guides show, and what people try.
USUAL = [
    ("admin", "admin"), ("admin", ""), ("admin", "password"), ("admin", "changeme"), ("prometheus", "prometheus"),
    ("elastic", "changeme"), ("elastic", "elastic"), ("kibana_system", "changeme"), ("root", "root"), ("user", "user"),
]  # fmt: skip


class Page(NamedTuple):
    """A page, the user and secret file that open it, and the statuses of a refusal."""

    url: str
    right: tuple[str, str] | None
    refused: set[int]

    def question(self, **more: Any) -> dict[str, Any]:
        """Return how inside.py is asked for it."""
        return {"kind": "http", "url": self.url, "headers": {"Host": "localhost"} if "web:" in self.url else {}, **more}


def page(url: str, right: tuple[str, str] | None, *refused: int) -> Page:
    """Return a page."""
    return Page(url, right, set(refused))


PROMETHEUS = ("prometheus", "secrets-prometheus/password")
ALERTMANAGER = ("prometheus", "secrets-alertmanager/password")
FLOWER = ("admin", "secrets-django/flower-auth")
GRAFANA = ("grafana!administrator", "secrets-grafana/admin-password")
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


def test_pages__are_closed_to_nobody_in_particular(stack: Stack, probe: Probe) -> None:
    answers = probe.ask(*(page.question() for page in PAGES), timeout=ALL_SECONDS)
    let_in = {
        page.url: answer
        for page, answer in zip(PAGES, answers, strict=True)
        if answer.get("status") not in page.refused
        or (answer["status"] == 302 and "/login" not in answer["headers"]["location"])
    }
    assert let_in == {}


def test_pages__are_closed_to_the_usual_passwords(stack: Stack, probe: Probe) -> None:
    tried = [(page, user, password) for page in PAGES for user, password in USUAL]
    questions = [page.question(user=user, password=password) for page, user, password in tried]
    answers = probe.ask(*questions, timeout=ALL_SECONDS)
    let_in = {
        (page.url, user, password): answer.get("status", answer)
        for (page, user, password), answer in zip(tried, answers, strict=True)
        if answer.get("status") not in page.refused
    }
    assert let_in == {}


def test_pages__are_open_to_their_users(stack: Stack, probe: Probe) -> None:
    """Else a page that is gone would pass for one that is closed."""
    pages = [page for page in PAGES if page.right is not None]
    files = {page.right[1] for page in pages if page.right}
    passwords = {file: probe.secret(file) for file in files}
    questions = [
        page.question(user=user, password=passwords[file].removeprefix(f"{user}:"))
        for page in pages
        for user, file in [page.right or ("", "")]
    ]
    answers = probe.ask(*questions, timeout=ALL_SECONDS)
    shut = {page.url: answer for page, answer in zip(pages, answers, strict=True) if answer.get("status") != 200}
    assert shut == {}


#: For documentation (RFC 5737): nobody has it.
CLAIMED = "203.0.113.7"


def client_of(probe: Probe, request_id: str) -> str:
    """Return whom the site takes for the client of a request."""

    def told() -> list[str]:
        lines = [line for line in in_files(probe, "app-logs") if field(line, "event.dataset") == "django.request"]
        return [field(line, "client.address") for line in lines if field(line, "http.request.id") == request_id]

    (client,) = wait_for(f"the line of {request_id}", told, 30)
    return client


def test_site__believes_of_clients_what_nginx_says(stack: Stack, probe: Probe, visitor: Visitor) -> None:
    """Else nobody would be believed, and not only the others."""
    client = client_of(probe, visitor.request("/servers.json").request_id)
    networks = stack.container("nginx")["NetworkSettings"]["Networks"].values()
    assert client not in {network["IPAddress"] for network in networks}


def test_site__does_not_believe_another_container(stack: Stack, probe: Probe, admin: Visitor) -> None:
    """Of one on nginx's own networks: neither about clients, nor as the gate's nginx."""
    claims = {"Host": "localhost", "X-Forwarded-For": CLAIMED, "X-Request-ID": "of-another-container"}
    question = {**claims, "X-Original-Method": "GET", "Cookie": f"sessionid={admin.cookies['sessionid'].value}"}
    for name in ("site", "web"):
        request_id = probe.http(f"http://{name}:8000/servers.json", headers=claims)["headers"]["x-request-id"]
        assert request_id != claims["X-Request-ID"]
        assert client_of(probe, request_id) != CLAIMED
        answer = probe.http(f"http://{name}:8000/_ops/gate/flower/", headers=question)
        assert answer["status"] == 403
        assert [header for header in answer["headers"] if header.startswith("x-ops-")] == []


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


def test_postgres__wants_the_password(stack: Stack, probe: Probe) -> None:
    tried = [
        ("postgres", None), ("postgres", "postgres"), ("postgres", "password"), ("postgres", ""),
        ("app", None), ("app", "app"), ("exporter", "exporter"), ("root", None),
    ]  # fmt: skip
    question = {"kind": "sql", "host": "postgres", "dbname": "app", "query": "SELECT 1"}
    answers = probe.ask(*(
        {**question, "user": user, **({} if password is None else {"password": password})} for user, password in tried
    ))  # fmt: skip
    refusal = re.compile("authentication failed|no password supplied")
    said = {who: str(answer.get("error")) for who, answer in zip(tried, answers, strict=True)}
    assert {who: error for who, error in said.items() if not refusal.search(error)} == {}


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


def test_redis__wants_the_password(stack: Stack, probe: Probe) -> None:
    tried = [
        "PING", "INFO", "KEYS *", "AUTH redis\r\nPING", "AUTH default default\r\nPING", "AUTH app app\r\nPING",
        "AUTH app \r\nPING", "HELLO 3", "CONFIG GET *",
    ]  # fmt: skip
    answers = probe.ask(*({"kind": "tcp", "host": "redis", "port": 6379, "send": f"{sent}\r\n"} for sent in tried))

    def is_refusal(text: str) -> bool:
        return all(line.startswith("-") for line in text.splitlines()) and ("NOAUTH" in text or "WRONGPASS" in text)

    let_in = {sent: it for sent, it in zip(tried, answers, strict=True) if not is_refusal(it.get("text", ""))}
    assert let_in == {}


def test_redis__answers_its_user(stack: Stack, probe: Probe) -> None:
    text = probe.redis("PING", "CONFIG GET *", "ACL LIST")
    assert text.startswith("+OK\r\n+PONG\r\n")
    assert text.count("-NOPERM") == 2, text


def test_memcached__wants_the_password(stack: Stack, probe: Probe) -> None:
    tried = [
        "version", "stats", "get x", "flush_all", "set x 0 0 1\r\nx", "set a 0 0 11\r\nadmin admin",
        "set a 0 0 7\r\napp app",
    ]  # fmt: skip
    answers = probe.ask(*({"kind": "tcp", "host": "memcached", "port": 11211, "send": f"{it}\r\n"} for it in tried))
    let_in = {
        sent: it for sent, it in zip(tried, answers, strict=True) if not it.get("text", "").startswith("CLIENT_ERROR")
    }
    assert let_in == {}


def test_memcached__answers_its_user(stack: Stack, probe: Probe) -> None:
    account = probe.secret("secrets-memcached/auth").replace(":", " ")
    sent = f"set a 0 0 {len(account)}\r\n{account}\r\n"
    answer = probe.ask({"kind": "tcp", "host": "memcached", "port": 11211, "send": sent})[0]
    assert answer["text"] == "STORED\r\n"


def guess(path: str, password: str) -> dict[str, Any]:
    """Return the question that tries a password of the administrator, from the probe's address."""
    token = "0" * 32
    form = urlencode({"csrfmiddlewaretoken": token, "username": "admin", "password": password})
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    headers = {**kind, "Host": "localhost", "Cookie": f"csrftoken={token}"}
    return {"kind": "http", "method": "POST", "url": f"http://nginx:8080{path}", "headers": headers, "body": form}


def test_site__does_not_let_the_administrator_in_with_the_usual_passwords(probe: Probe, admin: Visitor) -> None:
    passwords = ("admin", "password", "changeme", "", "django")
    questions = [guess(path, password) for password in passwords for path in ("/admin/login/", "/account/login/")]
    answers = probe.ask(*questions, timeout=ALL_SECONDS)
    # 429: other guesses of this run were so many that this one was not looked at
    let_in = [answer for answer in answers if answer.get("status") not in {200, 429} or "sessionid" in str(answer)]
    assert let_in == []


def test_site__refuses_guesses_and_lets_the_administrator_in(stack: Stack, probe: Probe, admin: Visitor) -> None:
    """Sixty within some seconds, from a stranger's address: the administrator has signed in from another one."""
    # counts end with their five minutes
    wait_for("five minutes that do not end meanwhile", lambda: time.time() % 300 < 240, 90)
    doors = ("/admin/login/", "/account/login/")
    answers = probe.ask(*(guess(doors[number % 2], f"guess-{number}") for number in range(60)), timeout=ALL_SECONDS)
    assert [answer.get("status") for answer in answers].count(200) <= 10
    assert (answers[-1]["status"], 0 < int(answers[-1]["headers"]["retry-after"]) <= 300) == (429, True)
    Visitor(stack.port).sign_in(probe.secret("secrets-django/admin-password"))


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
