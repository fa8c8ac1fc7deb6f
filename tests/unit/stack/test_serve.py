"""What `make run` prepares before it becomes gunicorn."""

import socket
from pathlib import Path

import pytest

from stack import serve

HOST = "127.0.0.1"


@pytest.fixture
def environ(tmp_path):
    return {"DJANGO_VAR_DIR": str(tmp_path / "var")}


def test_port_problem__a_free_port():
    with socket.socket() as held:  # so that nobody else takes it; until one listens, two that share it do not mind
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, 0))
        assert serve.port_problem(HOST, held.getsockname()[1]) is None


def test_port_problem__a_port_that_is_taken_names_the_remedy():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serve.port_problem(HOST, port) == (
            f"Port {port} cannot be used (Address already in use). Choose another: make run PORT={port + 1}"
        )


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_port_problem__no_port(port):
    assert "must be a number from 1 to 65535" in serve.port_problem(HOST, port)


def test_port_problem__an_address_that_is_not_ours():
    assert "Cannot assign requested address" in serve.port_problem("192.0.2.1", 8000)


def test_secret_file__nobody_else_reads_it(tmp_path):
    assert serve.secret_file(tmp_path / "key", 50).stat().st_mode & 0o777 == 0o600


def test_secret_file__is_written_once(tmp_path):
    first = serve.secret_file(tmp_path / "key", 50).read_text()
    assert serve.secret_file(tmp_path / "key", 50).read_text() == first


def test_secret_file__no_two_are_alike(tmp_path):
    assert serve.secret_file(tmp_path / "a", 50).read_text() != serve.secret_file(tmp_path / "b", 50).read_text()


def test_prepare_environment__sets_what_is_missing(environ):
    var = serve.prepare_environment(environ)
    assert environ == {
        "DJANGO_VAR_DIR": str(var),
        "DJANGO_SETTINGS_MODULE": "stack.config.settings",
        "DJANGO_HTTPS": "0",
        "DEMO": "1",
        "OPS_ENVIRONMENT": "development",
        "PROMETHEUS_MULTIPROC_DIR": str(var / "slots"),
        "DJANGO_SECRET_KEY_FILE": str(var / "secret-key"),
        "OPS_METRICS_TOKEN_FILE": str(var / "metrics-token"),
    }


def test_prepare_environment__keeps_what_is_set(environ):
    environ |= {"DEMO": "0", "DJANGO_SECRET_KEY": "mine"}
    serve.prepare_environment(environ)
    assert (environ["DEMO"], environ.get("DJANGO_SECRET_KEY_FILE")) == ("0", None)


def test_prepare_site__gives_the_password_once(db, var):
    assert serve.prepare_site()
    assert serve.prepare_site() is None


def test_prepare_site__brings_no_deleted_server_back(db, var):
    from stack.inventory.models import Server

    serve.prepare_site()
    Server.objects.all().delete()
    serve.prepare_site()
    assert not Server.objects.exists()


def test_greeting__the_first_time():
    assert "password hunter2   (shown only now)" in serve.greeting(8000, Path("var"), "hunter2")


def test_greeting__later():
    assert "`make password` gives it a new password" in serve.greeting(8000, Path("var"), None)


def test_greeting__another_port_is_told_to_the_traffic():
    assert "make demo-traffic PORT=8001" in serve.greeting(8001, Path("var"), None)


def test_check_site__has_nothing_to_say_of_good_settings(db, capsys):
    serve.check_site()
    assert capsys.readouterr() == ("", "")


def test_check_site__exits_with_what_is_wrong(db, settings):
    settings.OPS_TRUSTED_PROXIES = ["10.0.0.0/99"]
    with pytest.raises(SystemExit, match="OPS_TRUSTED_PROXIES"):
        serve.check_site()
