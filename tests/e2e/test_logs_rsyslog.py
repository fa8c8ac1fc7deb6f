"""rsyslog in Filebeat's place, as rsyslog/README.md says: the same data stream, and as little lost."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.commands import ROOT, docker, run, wait_for
from tests.e2e.probe import Probe
from tests.e2e.scribe import USER, Scribe
from tests.e2e.stack import Stack

HOW_TO = (ROOT / "docs/how-to/ship-logs-with-rsyslog.md").read_text(encoding="utf-8")
IMAGE = "django-ops-standin/rsyslog:trixie"
SHIPPED_SECONDS = 60
RECOVERED_SECONDS = 180
START = (
    'ELASTICSEARCH_PASSWORD="$(cat /run/secrets/filebeat/password)" '
    "exec rsyslogd -n -i NONE -f /etc/django-ops/rsyslog.conf"
)
LINE = {
    "@timestamp": "2026-01-01T00:00:00.000Z",
    "log.level": "info",
    "message": "m",
    "event": {"dataset": "django.log"},
}


class Rsyslog:
    """One container of it, hardened as the stack's, with a volume of its own for lines."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._name = f"{stack.project}-rsyslog"
        self.lines = f"{self._name}-lines"

    def prepare(self) -> None:
        """Make the volume, writable by whom writes lines."""
        self.remove()
        docker("run", "--rm", "--user=0:0", f"--volume={self.lines}:/lines", IMAGE, "chown", USER, "/lines")

    def start(self) -> None:
        """Start it, or end it at once and start it anew."""
        docker("rm", "-f", self._name, check=False)
        hardened = ("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=128m")
        user = f"--user={self._stack.config['services']['filebeat']['user']}"  # whose secret it reads
        volumes = (
            f"{ROOT}/rsyslog/rsyslog.conf:/etc/django-ops/rsyslog.conf:ro",
            f"{self._stack.volumes()['secrets-filebeat']}:/run/secrets/filebeat:ro",
            f"{self.lines}:/var/log/django:ro",
        )
        (network,) = (name for name in self._stack.networks() if name.endswith("_logs"))
        surroundings = (f"--network={network}", "--env=ELASTICSEARCH_URL=http://elasticsearch:9200")
        mounts = ["--tmpfs=/run/django-ops-rsyslog", *(f"--volume={volume}" for volume in volumes)]
        docker("run", "-d", "--name", self._name, user, *hardened, *surroundings, *mounts, IMAGE, "sh", "-c", START)

    def kill(self) -> None:
        """End it at once."""
        docker("kill", "--signal=KILL", self._name)

    def said(self) -> str:
        """Return what it said of itself, which is nothing when all is well."""
        return docker("logs", self._name)

    def remove(self) -> None:
        """Remove container and volume."""
        docker("rm", "-f", self._name, check=False)
        docker("volume", "rm", "-f", self.lines, check=False)


@pytest.fixture(scope="module")
def installed(running: Stack, probe: Probe) -> Iterator[Rsyslog]:
    """rsyslog, running."""
    rsyslog = Rsyslog(running)
    rsyslog.prepare()
    rsyslog.start()
    yield rsyslog
    rsyslog.remove()


@pytest.fixture
def rsyslog(installed: Rsyslog, stack: Stack) -> Rsyslog:
    """rsyslog, and the stack healthy."""
    return installed


@pytest.fixture
def scribe(rsyslog: Rsyslog, probe: Probe) -> Scribe:
    """Somebody who writes a file of lines of its own for it."""
    return Scribe(probe, rsyslog.lines)


def found(probe: Probe, phrase: str, index: str) -> list[dict[str, Any]]:
    """Return the documents with a phrase in their message."""
    probe.refresh()
    answer = probe.search({"query": {"match_phrase": {"message": phrase}}}, index)
    return [hit["_source"] for hit in answer["hits"]["hits"]]


def test_configuration__has_no_mistake(installed: Rsyslog) -> None:
    """By the how-to's own commands, on a host that has nothing but the package."""
    (check,) = (block for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", HOW_TO) if "rsyslogd -N1" in block)
    mount = f"--volume={ROOT}/rsyslog/rsyslog.conf:/etc/django-ops/rsyslog.conf:ro"
    docker("run", "--rm", "--user=0:0", mount, IMAGE, "sh", "-ec", check.replace("sudo ", ""))


def test_elasticsearch_of_the_stack__is_published_for_this_host_alone(stack: Stack, tmp_path: Path) -> None:
    """As the how-to says: by a network that leads out, and without Filebeat."""
    (block,) = re.findall(r"(?ms)^```yaml\n(.*?)^```", HOW_TO)
    (tmp_path / "compose.rsyslog.yml").write_text(block, encoding="utf-8")
    files = ("-f", str(ROOT / "compose.yml"), "-f", str(tmp_path / "compose.rsyslog.yml"))
    command = ("docker", "compose", "--project-directory", str(ROOT), *files, "-p", stack.project)
    merged = run(*command, "--profile", "logs", "config", "--format", "json", environment=stack.environment)
    config = json.loads(merged.stdout)
    (port,) = config["services"]["elasticsearch"]["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "9200", 9200)
    networks = config["services"]["elasticsearch"]["networks"]
    assert [name for name in networks if not (config["networks"][name] or {}).get("internal")] == ["shippers"]
    assert "kibana" in config["services"]
    assert "filebeat" not in config["services"]


def test_password__is_had_as_the_how_to_says(stack: Stack, probe: Probe) -> None:
    (command,) = re.findall(r"(?m)^\$ docker compose (run .*)$", HOW_TO)
    assert stack.compose(*command.split()).stdout.strip() == probe.secret("secrets-filebeat/password")


def test_lines__are_each_there_once(rsyslog: Rsyslog, scribe: Scribe) -> None:
    scribe.write(2000)
    scribe.wait_found(SHIPPED_SECONDS)
    assert rsyslog.said() == ""


def test_restart__adds_nothing(rsyslog: Rsyslog, scribe: Scribe) -> None:
    scribe.write(500)
    scribe.wait_found(SHIPPED_SECONDS)
    rsyslog.start()
    scribe.write(1)
    scribe.wait_found(SHIPPED_SECONDS)


def test_rotated_file__is_shipped_once(rsyslog: Rsyslog, scribe: Scribe) -> None:
    scribe.write(300)
    scribe.rotate()
    scribe.write(300)
    scribe.wait_found(SHIPPED_SECONDS)


def test_line_of_full_length__is_not_cut(rsyslog: Rsyslog, probe: Probe, scribe: Scribe) -> None:
    line = {**LINE, "message": f"long {scribe.name} {'x ' * 60_000}"}
    scribe.write(1, json.dumps(line).encode() + b"\n", 1)
    scribe.wait_found(SHIPPED_SECONDS)
    (document,) = found(probe, f"long {scribe.name}", "logs-django.ops-default")
    assert document["message"] == line["message"]


def test_no_line_of_ours__is_kept(rsyslog: Rsyslog, probe: Probe, scribe: Scribe) -> None:
    scribe.write(1, f"Killed {scribe.name}\n".encode(), 1)
    scribe.wait_found(SHIPPED_SECONDS)
    (document,) = found(probe, f"Killed {scribe.name}", "logs-django.ops-default")
    assert document["event.dataset"] == "unparsed"


@pytest.mark.parametrize(
    "lie",
    [{"event": {"dataset": "nginx.access"}}, {"event.dataset": "nginx.access"}, {"service": {"name": ["nginx"]}}],
    ids=str,
)
def test_line_that_claims_to_be_nginx_s__is_none(
    rsyslog: Rsyslog, probe: Probe, scribe: Scribe, lie: dict[str, Any]
) -> None:
    line = {**LINE, "message": f"lie {scribe.name}", **lie}
    scribe.write(1, json.dumps(line).encode() + b"\n", 1)
    scribe.wait_found(SHIPPED_SECONDS)
    (document,) = found(probe, f"lie {scribe.name}", "logs-django.ops-default")
    assert (document["event.dataset"], document.get("service")) == ("unparsed", None)


@pytest.mark.parametrize(
    "oddity", [{"message": {"a": 1}}, {"_id": "x"}, {"...": "x"}, {"@timestamp": "yesterday"}], ids=str
)
def test_refused_line__is_kept_as_text(rsyslog: Rsyslog, probe: Probe, scribe: Scribe, oddity: dict[str, Any]) -> None:
    line = {**LINE, **oddity, "labels": {"odd": scribe.name}}
    scribe.write(1, json.dumps(line).encode() + b"\n", 1)
    scribe.wait_found(SHIPPED_SECONDS)
    kept = wait_for(
        "the refused line", lambda: found(probe, scribe.name, "logs-django.ops-refused"), SHIPPED_SECONDS, 1
    )
    assert len(kept) == 1


def test_killed_while_lines_are_written__loses_none(rsyslog: Rsyslog, scribe: Scribe) -> None:
    with scribe.writing(2000, pause_seconds=0.005):
        wait_for("the first lines", scribe.found, SHIPPED_SECONDS, 0.5)
        rsyslog.kill()
        rsyslog.start()
    scribe.wait_found(SHIPPED_SECONDS)


def test_both_killed__loses_none(rsyslog: Rsyslog, stack: Stack, scribe: Scribe) -> None:
    """More lines than its queue takes, and it is killed while nobody takes them."""
    with scribe.writing(6000, pause_seconds=0.001):
        wait_for("the first lines", scribe.found, SHIPPED_SECONDS, 0.5)
        os.kill(stack.container("elasticsearch")["State"]["Pid"], signal.SIGKILL)
    rsyslog.kill()
    rsyslog.start()
    stack.wait_healthy(RECOVERED_SECONDS)
    # what rsyslog/README.md says to do: an Elasticsearch that has just begun to answer may refuse everybody for some
    # seconds, and rsyslog before 8.2508 loses what it sends meanwhile until it reads all files again
    rsyslog.start()
    scribe.wait_found(RECOVERED_SECONDS)
