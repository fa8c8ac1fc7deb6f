"""The two commands, in a copy of the tree that knows nothing of this one: `make run` and `make demo-traffic`."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from tests.integration.services import held_port
from tests.whole_lines import whole_lines

pytestmark = pytest.mark.slow  # the packages are installed anew

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
INSTALL_SECONDS = 300.0
#: What a second `make run` may take until it answers.
SECOND_RUN_SECONDS = 30.0


class Site(NamedTuple):
    """A `make run` that answers."""

    port: int
    printed: Path
    process: subprocess.Popen[str]
    var: Path
    ready_after_seconds: float = 0.0

    @property
    def output(self) -> str:
        return self.printed.read_text()

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        return self.request("GET", path, headers=headers)

    def request(self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        response.text = response.read().decode()
        connection.close()
        return response

    def lines(self) -> list[dict]:
        files = (self.var / "log").glob("*.jsonl")
        return [json.loads(line) for file in files for line in whole_lines(file.read_text())]

    def booted_workers(self) -> int:
        return sum(line["message"].startswith("Booting worker") for line in self.lines())


def environment(**variables: str) -> dict[str, str]:
    """A newcomer's environment: nothing of this test run's."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"} or "CERT" in name}
    return {**kept, "PIP_DEFAULT_TIMEOUT": "60", **variables}


def wait_for(what: str, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.05)


def stop(process: subprocess.Popen[str]) -> int:
    """Do what Ctrl-C does: interrupt the terminal's whole foreground group."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


@contextmanager
def running(tree: Path, var: Path | None = None) -> Iterator[Site]:
    """`make run` on a port of its own, from its start until it has ended."""
    port = held_port()
    output = tree / f"output-{port}.txt"
    variables = {"DJANGO_VAR_DIR": str(var)} if var else {}
    started_at = time.monotonic()
    with output.open("w") as sink:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}"], cwd=tree, env=environment(**variables), stdin=subprocess.DEVNULL,
            stdout=sink, stderr=subprocess.STDOUT, start_new_session=True, text=True,
        )  # fmt: skip

    def answers() -> bool:
        if process.poll() is not None:
            pytest.fail(f"make run ended with {process.returncode}:\n{output.read_text()}")
        try:
            return site.get("/livez").status == 200
        except OSError:
            return False

    site = Site(port, output, process, var or tree / "var")
    booted_before = site.booted_workers()
    try:
        wait_for("/livez answers", answers, INSTALL_SECONDS)
        took_seconds = time.monotonic() - started_at
        # gunicorn loses a signal that it sends to a worker just forked
        wait_for("both workers are booted", lambda: site.booted_workers() == booted_before + 2, 60)
        yield site._replace(ready_after_seconds=took_seconds)
    finally:
        if process.poll() is None:
            stop(process)


def make(tree: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=tree, env=environment(**variables), capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """What is in the repository, without what is made from it."""
    tree = tmp_path_factory.mktemp("tree")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    return tree


@pytest.fixture(scope="module")
def tree(copied) -> Path:
    """A tree in which the first installation was interrupted."""
    process = subprocess.Popen(
        ["make", "run"], cwd=copied, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("Installing"):
            stop(process)
            break
    process.stdout.close()
    assert process.wait(60) != 0
    assert not (copied / ".venv" / ".run").exists()
    return copied


@pytest.fixture(scope="module")
def site(tree) -> Iterator[Site]:
    """The first `make run` that succeeds."""
    with running(tree) as started:
        yield started


@pytest.fixture(scope="module")
def installed(site, tree) -> Path:
    """A tree in which everything is installed."""
    return tree


@pytest.fixture(scope="module")
def traffic(site, installed) -> str:
    """What `make demo-traffic` printed."""
    ended = make(installed, "demo-traffic", f"PORT={site.port}", "SECONDS=12")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def password_in(output: str) -> str | None:
    found = re.search(r"password (\S{16,}) ", output)
    return found[1] if found else None


def sign_in(site: Site, password: str) -> int:
    """Send the admin's sign-in form; return the status of the answer: 302 when the password is right."""
    page = site.get("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
    cookie = SimpleCookie(page.headers["Set-Cookie"])["csrftoken"].value
    form = urlencode({"username": "admin", "password": password, "csrfmiddlewaretoken": token, "next": "/admin/"})
    headers = {"Cookie": f"csrftoken={cookie}", "Content-Type": "application/x-www-form-urlencoded"}
    return site.request("POST", "/admin/login/", form, headers).status


def test_admin__the_printed_password_opens_it(site):
    assert sign_in(site, password_in(site.output)) == 302


def test_admin__another_password_does_not(site):
    assert sign_in(site, "admin") == 200


def test_password__make_password_gives_a_new_one(installed, tmp_path):
    with running(installed, tmp_path) as started:
        ended = make(installed, "password", DJANGO_VAR_DIR=str(tmp_path))
        assert sign_in(started, ended.stdout.split()[-1]) == 302


@pytest.mark.parametrize(
    "promised", ["/admin/", "/livez", "/readyz", "/metrics", "var/metrics-token", "var/log/", "make demo-traffic"]
)
def test_output__says_what_to_open(site, promised):
    assert promised in site.output


@pytest.mark.parametrize("path", ["/", "/servers/", "/report/", "/livez", "/readyz", "/static/inventory/style.css"])
def test_page__answers(site, path):
    assert site.get(path).status == 200


def test_page__has_the_demo_data(site):
    assert "ams1-p-web-01" in site.get("/servers/?q=web").text


def test_metrics__the_token_opens_them(site):
    token = (site.var / "metrics-token").read_text().strip()
    assert "django_http_responses_total" in site.get("/metrics", Authorization=f"Bearer {token}").text


def test_metrics__closed_without_the_token(site):
    assert site.get("/metrics").status in {401, 403}


@pytest.mark.parametrize("name", ["metrics-token", "secret-key", "visitor-password"])
def test_secrets__only_the_owner_reads_them(site, name):
    assert stat.S_IMODE((site.var / name).stat().st_mode) == 0o600


def test_log__the_response_s_id_finds_the_line(site):
    request_id = site.get("/servers/").headers["X-Request-ID"]

    def found() -> list[dict]:
        return [
            line
            for line in site.lines()
            if line["event"]["dataset"] == "django.request" and line["http"]["request"]["id"] == request_id
        ]

    wait_for(f"a line with {request_id}", lambda: bool(found()), 60)
    # exactly one
    assert [(line["url"]["path"], line["django"]["view"]) for line in found()] == [("/servers/", "inventory:servers")]


def test_log__two_workers_have_slots(site):
    assert {path.name.split(".")[1] for path in (site.var / "log").glob("*.jsonl")} == {"0", "1", "main"}


def test_port__taken_says_what_to_do(site, installed):
    ended = make(installed, "run", f"PORT={site.port}")
    assert ended.returncode != 0
    assert f"Choose another: make run PORT={site.port + 1}" in ended.stderr


def test_traffic__tells_what_it_sent(traffic):
    kinds = (
        "page",
        "redirect",
        "no such page",
        "exception",
        "slow",
        "stream",
        "broken stream",
        "aborted",
        "task, POST",
    )
    assert [kind for kind in kinds if not re.search(rf"^  {kind} +\d+ ", traffic, re.MULTILINE)] == []


def test_traffic__leaves_every_outcome_in_the_log(traffic, site):
    wanted = {"ok", "redirect", "unrouted", "exception", "stream", "disconnect"}

    def missing() -> set[str]:
        return wanted - {line["django"].get("outcome") for line in site.lines()}

    wait_for("a line for each outcome", lambda: not missing(), 60)


def test_traffic__counts_every_outcome_in_the_metrics(traffic, site):
    token = (site.var / "metrics-token").read_text().strip()
    text = site.get("/metrics", Authorization=f"Bearer {token}").text
    outcomes = set(re.findall(r'^django_ops_http_requests_total\{[^}]*outcome="(\w+)"', text, re.MULTILINE))
    assert outcomes >= {"ok", "redirect", "unrouted", "exception", "stream", "disconnect"}


def test_tutorial__its_commands_find_what_it_says(traffic, site, installed):
    """The console blocks between the traffic and the stop, one after the other in one shell."""
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    steps = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[2:-1]
    commands = [line[2:] for block in steps for line in block.splitlines()]
    script = "\n".join(f"echo '--'\n{command}" for command in commands).replace(":8000", f":{site.port}")
    wait_for("the task's line", lambda: any("report computed" in line["message"] for line in site.lines()), 60)
    ended = subprocess.run(["bash", "-euc", script], cwd=installed, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    failed, _, followed, numbers, readiness = ended.stdout.split("--\n")[1:]
    assert json.loads(failed)["error"]["stack_hash"]
    assert '"message":"Inventory report computed"' in followed
    assert '"message":"POST /report/recompute/ 302' in followed
    assert "django_http_responses_total_by_status_total" in numbers
    assert readiness.startswith("HTTP/1.1 200")


def test_traffic__without_a_server_says_what_to_do(installed):
    ended = make(installed, "demo-traffic", f"PORT={held_port()}")
    assert ended.returncode != 0
    assert "Start it in another terminal with `make run`" in ended.stdout


def test_drain__as_the_tutorial_does_it(installed, tmp_path):
    with running(installed, tmp_path) as started:
        drained = subprocess.run(
            [".venv/bin/python", "manage.py", "ops_drain", "--wait", "0"], cwd=installed,
            env=environment(DJANGO_VAR_DIR=str(tmp_path)), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert (drained.returncode, drained.stdout.split(":")[0]) == (0, "draining"), drained.stderr
        assert (started.get("/readyz").status, started.get("/").status) == (503, 200)


def test_ctrl_c__ends_it(installed, tmp_path):
    with running(installed, tmp_path) as started:
        stop(started.process)
        with socket.socket() as probe:
            assert probe.connect_ex((HOST, started.port)) != 0


def test_ctrl_c__leaves_no_traceback(installed, tmp_path):
    with running(installed, tmp_path) as started:
        stop(started.process)
        assert "Traceback" not in started.output


def test_second_run__is_quick_and_prints_no_password(installed, tmp_path):
    with running(installed, tmp_path) as first:
        assert password_in(first.output)
    with running(installed, tmp_path) as second:
        assert password_in(second.output) is None
        assert "make password" in second.output
        assert "Installing" not in second.output
        assert second.ready_after_seconds < SECOND_RUN_SECONDS


def test_environment__a_python_that_has_gone_is_replaced(installed, copied, tmp_path_factory):
    # in a tree of its own, as the others are being served from theirs
    tree = tmp_path_factory.mktemp("gone")
    for name in ("Makefile", "pyproject.toml", "requirements"):
        (tree / name).symlink_to(copied / name)
    (tree / ".venv" / "bin").mkdir(parents=True)
    (tree / ".venv" / "bin" / "python").symlink_to("/no/such/python")
    (tree / ".venv" / ".run").touch()
    assert "requirements/install.py run" in make(tree, "--dry-run", "run").stdout
