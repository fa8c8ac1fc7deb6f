"""What runs around the application: migration and first administrator, health, heartbeat, abandoned logs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from stack.provision import abandoned_logs, health, heartbeat, migrate

ROOT = Path(__file__).parents[3]


@pytest.fixture
def password_file(tmp_path, monkeypatch):
    """A file with the administrator's password."""
    path = tmp_path / "admin-password"
    path.write_text("a generated password\n")
    monkeypatch.setenv("ADMIN_PASSWORD_FILE", str(path))
    return path


def test_administrator__has_the_password_of_the_file(db, password_file, django_user_model):
    assert migrate.create_administrator()
    admin = django_user_model.objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password("a generated password")


def test_administrator__is_made_once(db, password_file, django_user_model):
    migrate.create_administrator()
    password_file.unlink()
    assert not migrate.create_administrator()


def test_administrator__is_asked_for_another_password_at_each_start(db, password_file, django_user_model, capsys):
    migrate.create_administrator()
    migrate.create_administrator()
    assert "still has the password in" in capsys.readouterr().out
    admin = django_user_model.objects.get()
    admin.set_password("another password")
    admin.save()
    migrate.create_administrator()
    assert capsys.readouterr().out == ""


def test_administrator__none_beside_another(db, password_file, django_user_model):
    django_user_model.objects.create_superuser("root", "", "a long password")
    assert not migrate.create_administrator()
    assert not django_user_model.objects.filter(username="admin").exists()


def test_administrator__none_without_the_file(db, monkeypatch, django_user_model):
    monkeypatch.delenv("ADMIN_PASSWORD_FILE", raising=False)
    assert not migrate.create_administrator()


@pytest.mark.parametrize(("content", "problem"), [(None, "cannot be read"), ("\n", "is empty")])
def test_administrator__a_broken_file_is_named(db, password_file, content, problem):
    password_file.unlink()
    if content is not None:
        password_file.write_text(content)
    with pytest.raises(migrate.MigrationError, match=f"ADMIN_PASSWORD_FILE names .*{problem}"):
        migrate.create_administrator()


def test_migrate__applies_migrations_and_says_so(db, password_file, capsys):
    migrate.main()
    assert "The user admin was made" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "migrate: DJANGO_SETTINGS_MODULE is not set: it names the module with the site's settings"),
        ("no.such", "migrate: the settings no.such (DJANGO_SETTINGS_MODULE) cannot be used: No module named 'no'"),
    ],
)
def test_migrate__wrong_settings_are_one_line_and_a_failure(monkeypatch, name, message):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", name)

    def import_settings() -> None:
        __import__(name)

    monkeypatch.setattr(migrate.django, "setup", import_settings)
    with pytest.raises(SystemExit) as ended:
        migrate.main()
    assert ended.value.code == message


@pytest.fixture
def server(monkeypatch):
    """A server that answers with the status that the path names."""
    monkeypatch.setattr(health, "TIMEOUT_SECONDS", 60)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_health_url__200_is_healthy(server):
    assert health.main(["url", f"{server}/200"]) is None


@pytest.mark.parametrize("status", [302, 503])
def test_health_url__anything_else_is_not(server, status):
    assert health.main(["url", f"{server}/{status}"]).endswith(f": {status}")


def test_health_url__nobody_there(closed_port):
    assert "refused" in health.main(["url", f"http://127.0.0.1:{closed_port}/livez"])


@pytest.fixture
def heartbeat_file(tmp_path, monkeypatch):
    """Where the heartbeat goes."""
    path = tmp_path / "heartbeat"
    monkeypatch.setenv("HEARTBEAT_FILE", str(path))
    return path


def test_health_heartbeat__fresh(heartbeat_file):
    heartbeat.touch()
    assert health.main(["heartbeat", "30"]) is None


def test_health_heartbeat__old(heartbeat_file, monkeypatch):
    heartbeat_file.touch()
    at = heartbeat_file.stat().st_mtime
    monkeypatch.setattr(health, "time", SimpleNamespace(time=lambda: at + 31))
    assert health.main(["heartbeat", "30"]) == "the last heartbeat is 31 seconds old"


def test_health_heartbeat__none(heartbeat_file):
    assert "No such file" in health.main(["heartbeat", "30"])


@pytest.mark.parametrize("arguments", [[], ["heartbeat", "soon"], ["url"]])
def test_health__wrong_arguments(arguments):
    assert health.main(arguments) == health.USAGE


def test_heartbeat__a_full_disk_stops_nothing(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("HEARTBEAT_FILE", str(tmp_path / "no" / "heartbeat"))
    heartbeat.touch()
    assert "the heartbeat cannot be written" in caplog.text


def test_pulse__a_lost_broker_is_no_death():
    assert heartbeat.Pulse().is_there()


def test_pulse__a_loop_that_turns_lives():
    pulse = heartbeat.Pulse()
    pulse.connected = True
    pulse.turn()
    assert pulse.is_there()


def test_pulse__a_loop_that_hangs_is_dead():
    pulse = heartbeat.Pulse()
    pulse.connected = True
    pulse.turned_at = time.monotonic() - heartbeat.SILENCE_SECONDS - 1
    assert not pulse.is_there()


@pytest.fixture
def logs(tmp_path):
    """A container's directory that was written to 15 days ago, and one of today."""
    for name, days in (("web-old", 15), ("web-new", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "django.0.jsonl").touch()
        at = time.time() - days * 86_400
        for path in (tmp_path / name / "django.0.jsonl", tmp_path / name):
            os.utime(path, (at, at))
    return tmp_path


def test_abandoned_logs__the_old_directory_goes(logs):
    assert abandoned_logs.remove_abandoned(logs) == [logs / "web-old"]
    assert [path.name for path in logs.iterdir()] == ["web-new"]


def test_abandoned_logs__one_fresh_file_keeps_it(logs):
    (logs / "web-old" / "django.1.jsonl").touch()
    assert abandoned_logs.remove_abandoned(logs) == []


def test_abandoned_logs__go_when_a_container_starts(logs):
    """Its arguments are wrong, so it ends then."""
    command = [sys.executable, str(ROOT / "dockerfiles/app/entrypoint.py"), "manage"]
    environ = {"DJANGO_LOG_DIR": f"{logs}/web-{{hostname}}", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=logs, env=environ, capture_output=True, text=True, timeout=60)
    assert "manage.py" in ended.stderr
    assert [path.name for path in logs.iterdir()] == ["web-new"]


def test_abandoned_logs__nowhere_is_no_failure(tmp_path, caplog):
    assert abandoned_logs.remove_abandoned(tmp_path / "none") == []
    assert "abandoned logs cannot be removed" in caplog.text
