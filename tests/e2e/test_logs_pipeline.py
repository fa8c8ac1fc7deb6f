"""From a line in a file to a document in Elasticsearch: none lost, none twice, whatever happens on the way."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import Any

import pytest

from tests.e2e.commands import docker, wait_for
from tests.e2e.lines import field, wait_shipped
from tests.e2e.probe import Probe
from tests.e2e.scribe import Scribe
from tests.e2e.stack import Stack
from tests.e2e.visitor import Visitor

ELASTICSEARCH = "http://elasticsearch:9200"
STREAM = "logs-django.ops-default"
#: A new file is found within 5 s, a line in it read within 1 s; the rest is for a busy machine.
SHIPPED_SECONDS = 60
#: Elasticsearch itself takes half a minute to start, and Filebeat looks for it every 10 s.
RECOVERED_SECONDS = 180
LINE = {
    "@timestamp": "2026-01-01T00:00:00.000Z",
    "log.level": "info",
    "message": "m",
    "event": {"dataset": "django.log"},
}


@pytest.fixture
def scribe(stack: Stack, probe: Probe) -> Scribe:
    """Somebody who writes a file of lines of its own."""
    return Scribe(probe)


def ask(probe: Probe, user: str, secret: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Ask Elasticsearch as one of its users."""
    return probe.http(f"{ELASTICSEARCH}{path}", method=method, user=user, password_file=secret, body=body)


def as_elastic(probe: Probe, method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Ask Elasticsearch as its superuser. Raises AssertionError."""
    answer = ask(probe, "elastic", "secrets-elasticsearch/elastic-password", method, path, body)
    assert answer.get("status") in (200, 201), answer
    return answer


def kill(stack: Stack, service: str) -> None:
    """End a service's processes at once; the engine starts it again."""
    os.kill(stack.container(service)["State"]["Pid"], signal.SIGKILL)


def test_request__is_found_by_its_id(stack: Stack, probe: Probe, visitor: Visitor) -> None:
    answer = visitor.request("/servers.json")
    assert answer.request_id
    for dataset in ("nginx.access", "django.request"):
        assert wait_shipped(probe, dataset, [answer.request_id], SHIPPED_SECONDS) == {answer.request_id: 1}


def test_lines__are_each_there_once(scribe: Scribe) -> None:
    scribe.write(2000)
    scribe.wait_found(SHIPPED_SECONDS)


def test_rotated_file__is_shipped_once(scribe: Scribe) -> None:
    scribe.write(300)
    scribe.rotate()
    scribe.write(300)
    scribe.wait_found(SHIPPED_SECONDS)


def test_registry_lost__adds_nothing(stack: Stack, probe: Probe, scribe: Scribe) -> None:
    scribe.write(500)
    scribe.wait_found(SHIPPED_SECONDS)
    half_a_minute_ago = int((time.time() - 30) * 1000)  # all lines of then are there by now
    query = {"query": {"range": {"@timestamp": {"lt": half_a_minute_ago}}}}
    before = json.loads(as_elastic(probe, "POST", f"/{STREAM}/_count", query)["body"])["count"]
    registry = stack.volumes()["filebeat-data"]
    image = stack.container("web")["Config"]["Image"]
    stack.compose("stop", "filebeat")
    forget = ("--user=0:0", "--network=none", f"--volume={registry}:/registry", "--entrypoint=sh")
    docker("run", "--rm", *forget, image, "-c", "rm -rf /registry/* && ls -A /registry")
    stack.compose("start", "filebeat")
    scribe.write(1)
    scribe.wait_found(SHIPPED_SECONDS)
    probe.refresh()
    after = json.loads(as_elastic(probe, "POST", f"/{STREAM}/_count", query)["body"])["count"]
    assert after == before > 0


BROKEN = {
    "no JSON": b'{"half": ',
    "no object": b"[1, 2]",
    "no UTF-8": b"caf\xe9 \xff\xfe",
    "only spaces": b"   ",
    "longer than a line may be": b"x" * 100_000,
    "control characters": b"\x00\x1b[31m",
}
ODD = {
    "a field of another type": {**LINE, "http.response.status_code": "none", "process": {"pid": "no number"}},
    "no time": {"message": "no time", "event": {"dataset": "django.log"}},
    "a time that is none": {**LINE, "@timestamp": "yesterday"},
}
REFUSED = {
    "an object in place of a text": {**LINE, "message": {"a": 1}, "url": "no object"},
    "what Elasticsearch uses itself": {**LINE, "_id": "x", "_index": "y"},
    "a name with dots only": {**LINE, "...": "x", "": "y"},
}


BROKEN |= {name: json.dumps(line).encode() for name, line in ODD.items()}


@pytest.fixture(scope="module")
def broken(running: Stack, probe: Probe) -> dict[str, Scribe]:
    """A file for each bad line, with good ones before and after it."""
    scribes = {name: Scribe(probe) for name in [*BROKEN, *REFUSED]}
    for name, raw in (BROKEN | {name: json.dumps(line).encode() for name, line in REFUSED.items()}).items():
        scribes[name].write(2, raw + b"\n", 2)
    return scribes


@pytest.mark.parametrize("name", BROKEN)
def test_bad_line__loses_neither_itself_nor_its_neighbours(broken: dict[str, Scribe], name: str) -> None:
    broken[name].wait_found(SHIPPED_SECONDS)
    assert len(broken[name].documents()) == 5


@pytest.mark.parametrize("name", REFUSED)
def test_refused_line__is_kept_as_text(probe: Probe, broken: dict[str, Scribe], name: str) -> None:
    broken[name].wait_found(SHIPPED_SECONDS)
    query = {"query": {"match_phrase": {"message": broken[name].name}}}

    def kept() -> list[dict[str, Any]]:
        probe.refresh()
        question = probe.elasticsearch("POST", "/logs-django.ops-refused/_search", query)
        answer = probe.ask(question)[0]
        assert answer.get("status") in (200, 404), answer  # it is made by the first refused line
        return json.loads(answer["body"])["hits"]["hits"] if answer["status"] == 200 else []

    (document,) = wait_for("the refused line", kept, SHIPPED_SECONDS, 1)
    assert field(document["_source"], "error.message")


def test_unparsed_line__says_so(broken: dict[str, Scribe]) -> None:
    broken["no JSON"].wait_found(SHIPPED_SECONDS)
    found = broken["no JSON"].documents()[2]
    assert (field(found, "message"), field(found, "event.dataset")) == ('{"half": ', "unparsed")


LIE = {
    "service": {"name": "nginx"},
    "event": {"dataset": "nginx.access"},
    "log": {"file": {"path": "/var/log/nginx/access.jsonl"}},
}


def test_line_that_claims_to_be_another_s__is_its_writer_s(probe: Probe, scribe: Scribe) -> None:
    """From web's volume, whatever form the names have."""
    dotted = {"service.name": "nginx", "event.dataset": "nginx.access", "log.file.path": "/var/log/nginx/access.jsonl"}
    several = {"service": {"name": ["nginx"]}, "event": {"dataset": ["django.log", "nginx.access"]}}
    lies = [{**LINE, "event": {}, **lie, "message": f"lie {scribe.name}"} for lie in (LIE, dotted, several)]
    scribe.write(1, "".join(f"{json.dumps(lie)}\n" for lie in lies).encode(), 1)
    scribe.wait_found(SHIPPED_SECONDS)
    found = probe.search({"query": {"match_phrase": {"message": f"lie {scribe.name}"}}}, fresh=True)["hits"]["hits"]
    shown = [(field(hit["_source"], "service.name"), field(hit["_source"], "event.dataset")) for hit in found]
    assert shown == [("web", "unparsed")] * len(lies)
    assert not [hit for hit in found if "nginx" in field(hit["_source"], "log.file.path")]


def test_half_a_line__is_sent_when_it_is_whole(scribe: Scribe) -> None:
    scribe.write(2)
    text = json.dumps({**LINE, "labels": {"e2e": scribe.name, "number": "1000000"}}).encode()
    scribe.write(text[:40])
    scribe.wait_found(SHIPPED_SECONDS)
    scribe.write(text[40:] + b"\n")
    wait_for("the line", lambda: scribe.found()[1_000_000], SHIPPED_SECONDS, 1)
    assert len(scribe.documents()) == 3


@pytest.mark.parametrize("service", ["filebeat", "elasticsearch"])
def test_killed_while_lines_are_written__loses_none(stack: Stack, scribe: Scribe, service: str) -> None:
    with scribe.writing(2000, pause_seconds=0.01):
        wait_for("the first lines", scribe.found, SHIPPED_SECONDS, 0.5)
        kill(stack, service)
    stack.wait_healthy(RECOVERED_SECONDS)
    scribe.wait_found(RECOVERED_SECONDS)


FORBIDDEN = {
    "read": ("POST", f"/{STREAM}/_search", {}),
    "read one": ("GET", f"/{STREAM}/_doc/x", None),
    "change": ("POST", f"/{STREAM}/_update/x", {"doc": LINE}),
    "delete": ("DELETE", f"/{STREAM}/_doc/x", None),
    "delete the stream": ("DELETE", f"/{STREAM}", None),
    "write elsewhere": ("POST", "/logs-other-default/_create/x", LINE),
    "write to the index behind": ("PUT", "/.ds-logs-django.ops-default-2026.01.01-000001/_create/x", LINE),
    "template": ("PUT", "/_index_template/django-ops", {"index_patterns": ["logs-django-*"]}),
    "users": ("GET", "/_security/user", None),
    "its own role": ("PUT", "/_security/role/filebeat_writer", {"cluster": ["all"]}),
}


def test_shipper__may_append(stack: Stack, probe: Probe, scribe: Scribe) -> None:
    path = f"/{STREAM}/_create/{scribe.name}"
    first = ask(probe, "filebeat_writer", "secrets-filebeat/password", "PUT", path, LINE)
    again = ask(probe, "filebeat_writer", "secrets-filebeat/password", "PUT", path, LINE)
    assert (first["status"], again["status"]) == (201, 409)


def test_shipper__may_do_nothing_else(stack: Stack, probe: Probe) -> None:
    answers = {
        what: ask(probe, "filebeat_writer", "secrets-filebeat/password", *question)
        for what, question in FORBIDDEN.items()
    }
    assert {what: answer for what, answer in answers.items() if answer.get("status") != 403} == {}


def test_shipper__cannot_overwrite(stack: Stack, probe: Probe, scribe: Scribe) -> None:
    """Whether Elasticsearch looks at the right (403) or at the kind of the target first (400)."""
    path = f"/{STREAM}/_doc/{scribe.name}"
    answer = ask(probe, "filebeat_writer", "secrets-filebeat/password", "PUT", path, LINE)
    assert answer["status"] in (400, 403)
    probe.refresh()
    assert not probe.search({"query": {"ids": {"values": [scribe.name]}}})["hits"]["hits"]


#: Accounts that several share, with the file that has their password.
SHARED = {
    "filebeat_writer": "secrets-filebeat/password",
    "grafana_reader": "secrets-grafana/elasticsearch-password",
    "operator": "secrets-django/kibana-auth",
}
OVER_ITSELF = {
    "its password": ("POST", "/_security/user/_password", {"password": "of-somebody-hostile"}),
    "a key": ("POST", "/_security/api_key", {"name": "kept"}),
    "its keys": ("DELETE", "/_security/api_key", {"owner": True}),
    "its role": ("PUT", "/_security/role/logs_reader", {"cluster": ["all"]}),
    "other users": ("PUT", "/_security/user/another", {"password": "of-somebody-hostile", "roles": ["superuser"]}),
}
BEYOND_READING = {
    "append": ("POST", f"/{STREAM}/_create/x", LINE),
    "delete": ("DELETE", f"/{STREAM}/_doc/x", None),
    "a new index": ("POST", f"/{STREAM}/_rollover", {}),
    "what Kibana keeps": ("GET", "/.kibana/_search", None),
    "who has which password": ("GET", "/.security-7/_search", None),
    "settings": ("GET", "/_cluster/settings", None),
}


def as_shared(probe: Probe, user: str, questions: dict[str, tuple[str, str, Any]]) -> dict[str, Any]:
    """Return what each question of a shared account is answered: a status, or an error."""
    password = probe.secret(SHARED[user]).removeprefix(f"{user}:")
    asked = [
        {"kind": "http", "method": method, "url": f"{ELASTICSEARCH}{path}", "body": body, "user": user}
        for method, path, body in questions.values()
    ]
    answers = probe.ask(*({**question, "password": password} for question in asked))
    return {what: answer.get("status", answer) for what, answer in zip(questions, answers, strict=True)}


@pytest.mark.parametrize("user", SHARED)
def test_shared_account__has_no_rights_over_itself(stack: Stack, probe: Probe, user: str) -> None:
    """Else whoever has it locks all others out: so could whoever read logs in Kibana, by its console."""
    own = {"its own password": ("POST", f"/_security/user/{user}/_password", {"password": "of-somebody-hostile"})}
    assert {what: it for what, it in as_shared(probe, user, OVER_ITSELF | own).items() if it != 403} == {}
    assert as_shared(probe, user, {"sign in": ("GET", "/_security/_authenticate", None)}) == {"sign in": 200}


@pytest.mark.parametrize("user", ["grafana_reader", "operator"])
def test_reader__may_read_and_nothing_else(stack: Stack, probe: Probe, user: str) -> None:
    beyond = {what: BEYOND_READING[what] for what in BEYOND_READING if (user, what) != ("grafana_reader", "settings")}
    assert as_shared(probe, user, {"read": ("POST", f"/{STREAM}/_search", {"size": 0})}) == {"read": 200}
    assert {what: it for what, it in as_shared(probe, user, beyond).items() if it != 403} == {}


def test_set_up__changes_nothing_that_is_right(stack: Stack, probe: Probe) -> None:
    def indices() -> list[str]:
        told = json.loads(as_elastic(probe, "GET", f"/_data_stream/{STREAM}")["body"])
        return [index["index_name"] for index in told["data_streams"][0]["indices"]]

    before = indices()
    said = stack.compose("run", "--rm", "-T", "--no-deps", "elasticsearch-setup").stdout
    assert "all is as it should be" in said
    assert not re.search(r"^elasticsearch-setup: (role|user|password of|data stream|index) ", said, re.MULTILINE)
    assert indices() == before


def test_set_up__gives_kibana_its_data_view(stack: Stack, probe: Probe) -> None:
    stack.compose("run", "--rm", "-T", "--no-deps", "elasticsearch-setup", "kibana")
    password = probe.secret("secrets-django/kibana-auth").removeprefix("operator:")
    url = "http://kibana:5601/api/saved_objects/_find?type=index-pattern"
    found = json.loads(probe.http(url, user="operator", password=password)["body"])["saved_objects"]
    assert "logs-django.ops-*" in {each["attributes"]["title"] for each in found}


#: Sends bytes that no compression makes smaller as lines of a stream of its own, and keeps them to a size as the
#: keeper does, whose image and module these are. Prints what they take.
FLOOD = """
import json, os, sys
sys.path.insert(0, "/opt/elasticsearch/setup")
import people, setup, size
size.STREAMS = "logs-django.ops-flood"
writer = size.Server(setup.ELASTICSEARCH_URL, "elastic", sys.argv[1])
keeper = size.Server(setup.ELASTICSEARCH_URL, "keeper", people.password(setup.SECRETS, "password"))
line = lambda: {"@timestamp": "2026-01-01T00:00:00.000Z", "message": os.urandom(2000).hex()}
for _ in range(10):
    lines = "".join('{"create":{}}\\n' + json.dumps(line()) + "\\n" for _ in range(250))
    sent = writer.must("POST", "/logs-django.ops-flood/_bulk", content=("application/x-ndjson", lines.encode()))
    assert not sent["errors"], sent
    size.keep(keeper, 4 * 1024**2, lambda text: None)
writer.must("POST", "/logs-django.ops-flood/_flush")
size.keep(keeper, 4 * 1024**2, lambda text: None)
print(sum(size._sizes(keeper).values()))
"""


def test_flood__is_kept_to_its_size(stack: Stack, probe: Probe) -> None:
    """10 MB where 4 MiB may be: what is too much is deleted, and the newest lines are there."""
    password = probe.secret("secrets-elasticsearch/elastic-password")
    taken = int(stack.exec("elasticsearch-keeper", "python", "-c", FLOOD, password, timeout=120))
    assert 0 < taken <= 4.5 * 1024**2
    probe.refresh()
    found = probe.search({"size": 0, "track_total_hits": True}, "logs-django.ops-flood")
    assert found["hits"]["total"]["value"] > 250


def test_retention__is_in_the_template(stack: Stack, probe: Probe) -> None:
    told = json.loads(as_elastic(probe, "GET", "/_component_template/django-ops-retention")["body"])
    lifecycle = told["component_templates"][0]["component_template"]["template"]["lifecycle"]
    assert lifecycle["data_retention"] == "30d"
