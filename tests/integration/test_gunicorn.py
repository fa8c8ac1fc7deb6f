"""A real gunicorn with `django_ops.gunicorn`: what it logs, when it reloads, upgrades, and leaves."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.services import held_port
from tests.integration.site.servers import ROOT, TOKEN, WSGI, Line, Server, eventually, running

SYNC = "gunicorn sync"

SITE = "from tests.integration.site.settings import *\n"


def messages(server: Server, logger: str = "gunicorn.error") -> list[str]:
    """Return what one logger has said; each line is valid, or reading them fails."""
    return [line["message"] for line in server.lines() if line["log.logger"] == logger]


def said(server: Server, beginning: str) -> Line:
    """Wait for gunicorn to say something, and return the line."""

    def find() -> Line | None:
        return next((line for line in server.lines() if line["message"].startswith(beginning)), None)

    return eventually(find, f"gunicorn says {beginning!r}: {server.said}")


def own_settings(directory: Path) -> dict[str, str]:
    """Return the environment in which `ownsettings.py` of a directory is the site's settings."""
    return {"DJANGO_SETTINGS_MODULE": "ownsettings", "PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"}


@contextmanager
def started(server: Server) -> Iterator[Server]:
    """Start a server that is not expected to answer, and end it after the block."""
    server.start(wait=False)
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("beginning", ["Starting gunicorn", "Listening at", "Booting worker", "Using worker"])
def test_error_log__is_json(site, beginning):
    if not site.kind.startswith("gunicorn"):
        beginning = "Uvicorn running"
    line = said(site, beginning)
    assert line["service"]["name"] == "site"


@pytest.mark.parametrize("site", [SYNC, "gunicorn asgi"], indirect=True)
def test_error_log__says_which_process_it_was(site):
    assert said(site, "Starting gunicorn")["django"]["process"]["slot"] == "main"
    assert said(site, "Booting worker")["django"]["process"]["slot"] == "0"


def test_error_log__nothing_else_is_printed(site):
    site.line_of(site.get("/raise").request_id)
    assert site.errors.read_text() == ""


def test_error_log__of_a_worker_that_times_out(tmp_path):
    with running(SYNC, tmp_path, "--timeout", "1") as server:
        connection = server.begin("/ok?seconds=30", "slow")
        assert said(server, "WORKER TIMEOUT")["log.level"] == "critical"
        connection.close()


def test_error_log__of_settings_that_do_not_exist(tmp_path):
    with started(Server(SYNC, tmp_path, DJANGO_SETTINGS_MODULE="no.such.settings")) as server:
        assert server.process.wait(60) == 3
        line = said(server, "Exception in worker process")
    assert (line["error"]["type"], line["log.level"]) == ("ModuleNotFoundError", "error")


def test_error_log__of_settings_that_the_application_names(tmp_path):
    server = Server(SYNC, tmp_path, DJANGO_SETTINGS_MODULE=None)
    server.command[server.command.index(WSGI)] = "tests.integration.site.wsgi_of_its_own"
    server.start()
    try:
        line = said(server, "Listening at")
        assert (line["django"]["process"]["slot"], line["service"]["name"]) == ("main", "django")
        assert server.line_of(server.get("/ok").request_id)["service"]["name"] == "site"
    finally:
        server.stop()


@pytest.mark.parametrize("site", [SYNC, "gunicorn gthread"], indirect=True)
def test_error_log__of_a_request_that_is_none(site):
    known = len(site.request_lines())
    with site.connect() as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        assert b" 400 " in connection.recv(4096)
    assert said(site, "Invalid request")["log.level"] == "warning"
    assert len(site.request_lines()) == known


def test_error_log__goes_to_the_files_of_the_site(tmp_path):
    logs = tmp_path / "logs"
    with running(SYNC, tmp_path, SITE_LOGS=str(logs)) as server:
        server.get("/ok")
        eventually(lambda: "Listening at" in (logs / "django.main.jsonl").read_text(), "the master's line")
        eventually(lambda: "GET /ok 200" in (logs / "django.0.jsonl").read_text(), "the worker's line")
    assert server.log.read_text() == ""


@contextmanager
def logging_to_files(directory: Path, settings: str, *options: str) -> Iterator[Server]:
    """Start a server that cannot start, whose site logs to files."""
    (directory / "ownsettings.py").write_text(f"{SITE}{settings}\n")
    environment = own_settings(directory)
    with started(Server(SYNC, directory, *options, SITE_LOGS=str(directory / "logs"), **environment)) as server:
        yield server


#: Of a site that logs to a file of its own choosing.
A_FILE = "LOGGING = {'version': 1, 'root': {'handlers': ['file'], 'level': 'INFO'}, 'handlers': {'file': {'class': "
A_FILE += "'logging.FileHandler', 'filename': DIRECTORY / 'log', 'delay': True}}}"


@pytest.mark.parametrize("settings", ["", A_FILE], ids=["our files", "a file of theirs"])
def test_start__on_a_port_that_is_taken_is_said_on_stderr(tmp_path, settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with logging_to_files(tmp_path, settings, "--bind", address) as server:
            eventually(lambda: "Connection in use" in server.errors.read_text(), f"gunicorn says so: {server.said}")


def test_start__of_a_worker_that_cannot_boot_is_said_on_stderr(tmp_path):
    with logging_to_files(tmp_path, "INSTALLED_APPS = [*INSTALLED_APPS, 'no.such.app']") as server:
        assert server.process.wait(60) == 3
    said = server.errors.read_text()
    assert said.count("ModuleNotFoundError: No module named 'no'") == 1
    assert "Worker failed to boot" in said


def test_gevent__patches_before_what_the_settings_import(tmp_path):
    (tmp_path / "ownsettings.py").write_text(f"{SITE}import django.db\nOPS_READYZ_CHECKS = ['database']\n")
    with running("gunicorn gevent", tmp_path, **own_settings(tmp_path)) as server:
        assert [server.get(path).status for path in ("/query", "/query", "/readyz")] == [200, 200, 200]


def test_start__with_a_broken_urlconf_is_not_ready(tmp_path):
    """Every page is a 500; a rolling deploy must not go through."""
    (tmp_path / "brokenurls.py").write_text("import nonexistent")
    (tmp_path / "ownsettings.py").write_text(f"{SITE}ROOT_URLCONF = 'brokenurls'\n")
    with running(SYNC, tmp_path, **own_settings(tmp_path)) as server:
        assert server.get("/ok").status == 500
        assert server.get("/readyz").status == 503
        assert b"No module named 'nonexistent'" in server.get("/readyz", TOKEN).body


def test_error_log__where_the_site_logs_some_names_only(tmp_path):
    (tmp_path / "ownsettings.py").write_text(f"{SITE}LOGGING = {{'version': 1}}\n")
    with running(SYNC, tmp_path, **own_settings(tmp_path)) as server:
        server.get("/ok")
        assert "[INFO] Listening at" in server.errors.read_text()


def test_error_log__where_the_site_cannot_be_read(tmp_path):
    (tmp_path / "ownsettings.py").write_text(f"{SITE}LOGGING = {{'version': 'one'}}\n")
    with started(Server(SYNC, tmp_path, **own_settings(tmp_path))) as server:
        assert "ownsettings cannot be used" in said(server, "LOGGING of")["message"]
        assert said(server, "Listening at")
        assert said(server, "Exception in worker process")["error"]["type"] == "ValueError"


def test_access_log__is_not_written(tmp_path):
    with running(SYNC, tmp_path, "--access-logfile", "-") as server:
        server.line_of(server.get("/ok").request_id)
        assert messages(server, "gunicorn.access") == []
        assert server.errors.read_text() == ""


def test_hup__reads_settings_and_code_anew(tmp_path):
    (tmp_path / "ownsettings.py").write_text(
        "from tests.integration.site.settings import *\nOPS_SERVICE_VERSION = '1'\n"
    )
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    with running(SYNC, tmp_path, DJANGO_SETTINGS_MODULE="ownsettings", PYTHONPATH=path) as server:
        assert server.line_of(server.get("/ok").request_id)["service"]["version"] == "1"
        (tmp_path / "ownsettings.py").write_text(f"{SITE}OPS_SERVICE_VERSION = 'two'\n")
        server.process.send_signal(signal.SIGHUP)
        eventually(
            lambda: server.line_of(server.get("/ok").request_id)["service"]["version"] == "two",
            "the new worker has the new settings",
        )
        # the master's own lines as well
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: [line for line in server.lines() if line["message"].startswith("Hang up")][1:], "second HUP")
        assert [line["service"]["version"] for line in server.lines() if line["message"].startswith("Hang up")] == [
            "1",
            "two",
        ]


def test_hup__of_settings_that_break_says_so(tmp_path):
    (tmp_path / "ownsettings.py").write_text(SITE)
    with running(SYNC, tmp_path, **own_settings(tmp_path)) as server:
        (tmp_path / "ownsettings.py").write_text("this is no Python\n")
        server.process.send_signal(signal.SIGHUP)
        assert said(server, "Exception in worker process")["error"]["type"] == "SyntaxError"
        assert server.process.wait(60) == 3


@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_own_directory__is_removed_at_the_end(tmp_path, options):
    (tmp_path / "temporary").mkdir()
    with running(SYNC, tmp_path, *options, TMPDIR=str(tmp_path / "temporary")) as server:
        server.get("/ok")
        assert len(list((tmp_path / "temporary").glob("django-ops-*"))) == 1
    assert list((tmp_path / "temporary").glob("django-ops-*")) == []


@pytest.mark.parametrize("options", [("--check-config",), ("--preload", "--env", "SITE_DIRECTORY=")])
def test_own_directory__is_removed_when_nothing_was_served(tmp_path, options):
    server = Server(SYNC, tmp_path, *options, TMPDIR=str(tmp_path))
    if "--preload" in options:
        server.environment["DJANGO_SETTINGS_MODULE"] = "no.such.settings"
    with started(server):
        server.process.wait(60)
    assert list(tmp_path.glob("django-ops-*")) == []


def test_upgrade__ends_with_one_directory(tmp_path):
    (tmp_path / "temporary").mkdir()
    pid_file = tmp_path / "pid"
    temporary = tmp_path / "temporary"
    with running(SYNC, tmp_path, *upgradable(pid_file), TMPDIR=str(temporary)) as server:
        old = {path.name for path in temporary.glob("django-ops-*")}
        # a reload first: it must not hand the directory on through the environment
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: len([m for m in messages(server) if m.startswith("Booting worker")]) == 2, "the reload")
        with upgraded(server, pid_file) as answer:
            new = {path.name for path in temporary.glob("django-ops-*")}
            assert not new & old
            assert len(new) == 1
            assert b"django_http_requests_before_middlewares_total 0" in answer("/metrics")
    eventually(lambda: not list(temporary.glob("django-ops-*")), "the new master removes its directory")


def test_upgrade__in_a_directory_that_was_given(tmp_path):
    slots = tmp_path / "slots"
    pid_file = tmp_path / "pid"
    with running(SYNC, tmp_path, *upgradable(pid_file), PROMETHEUS_MULTIPROC_DIR=str(slots)) as server:
        server.get("/ok")
        with upgraded(server, pid_file) as answer:
            assert b'django_ops_http_requests_total{outcome="ok"} 1' in answer("/metrics")
        assert slots.is_dir()


def upgradable(pid_file: Path) -> tuple[str, ...]:
    """Return the options of a server that can be upgraded: gunicorn cannot hand on a socket that it was given."""
    return ("--pid", str(pid_file), "--bind", f"127.0.0.1:{held_port()}")


@contextmanager
def upgraded(server: Server, pid_file: Path) -> Iterator:
    """Replace the master by a new one as an upgrade does, and end the new one after the block."""
    old = server.process.pid
    server.process.send_signal(signal.SIGUSR2)
    new = Path(f"{pid_file}.2")
    new_pid = int(eventually(lambda: new.exists() and new.read_text(), "the new master has a pid file"))
    eventually(
        lambda: any(
            line["process"]["pid"] not in (old, new_pid) and line["message"].startswith("Booting")
            for line in server.lines()[-3:]
        ),
        "the new master has a worker",
    )
    try:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0
        yield lambda path: server.get(path, TOKEN).body
    finally:
        os.kill(new_pid, signal.SIGTERM)
        eventually(lambda: not Path(f"/proc/{new_pid}").exists(), "the new master ends")


def test_control_socket_and_dirty_workers__do_not_disturb(tmp_path):
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text(
        "from django_ops.gunicorn import *\n"
        "dirty_apps = ['tests.integration.site.dirty:Echo']\n"
        "dirty_workers = 1\n"
        f"control_socket = {str(tmp_path / 'control')!r}\n"
    )
    server = Server(SYNC, tmp_path, "--config", str(configuration))
    server.command.remove("--no-control-socket")
    server.start()
    try:
        said(server, "the dirty worker begins")
        eventually((tmp_path / "control").exists, "the control socket")
        request_id = server.get("/ok").request_id
        assert server.line_of(request_id)["django"]["outcome"] == "ok"
        assert server.scrape()
    finally:
        assert server.stop() == 0
