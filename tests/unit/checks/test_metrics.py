"""Mistakes around `/metrics`."""

import pytest
from django.test import override_settings

GOOD_TOKEN = "vY2kQ7mZp4Rr9sLw0xJt6bNc"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    """No variable that a server sets, and no gunicorn.conf.py in the working directory."""
    for name in ("WEB_CONCURRENCY", "GUNICORN_CMD_ARGS", "PROMETHEUS_MULTIPROC_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "64.0.0.0/2", "2000::/3"])
def test_open__to_the_internet(found, network):
    with override_settings(OPS_METRICS_NETWORKS=[network]):
        assert found("W013") == [f"OPS_METRICS_NETWORKS has {network}, from which anybody may read /metrics."]


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"], ["192.0.2.7"], ["fd00::/8"], ["unix"], ["172.16.0.0/12"]])
def test_open__to_a_network_of_ours(found, networks):
    with override_settings(OPS_METRICS_NETWORKS=networks):
        assert found("W013") == []


def test_open__endpoint_switched_off(found):
    with override_settings(OPS_METRICS_NETWORKS=["0.0.0.0/0"], OPS_METRICS_PATH=""):
        assert found("W013") == []


@pytest.mark.parametrize("network", ["127.0.0.1", "127.0.0.0/8", "::1", "unix"])
def test_local_proxy__opens(found, network):
    with override_settings(OPS_METRICS_NETWORKS=[network]):
        assert found("W014")[0].startswith(f"OPS_METRICS_NETWORKS has {network}: whoever comes through a proxy")


def test_local_proxy__other_network(found):
    with override_settings(OPS_METRICS_NETWORKS=["10.0.0.0/8"]):
        assert found("W014") == []


def test_closed__to_everybody(found):
    assert found("I002") == ["OPS_METRICS_PATH is '/metrics', and nobody may read it."]


@pytest.mark.parametrize(
    "opened",
    [
        {"OPS_METRICS_TOKEN": "x"},
        {"OPS_METRICS_TOKEN_FILE": "/nonexistent"},
        {"OPS_METRICS_NETWORKS": ["10.0.0.0/8"]},
        {"OPS_METRICS_PERMISSION": "auth.view_user"},
        {"OPS_METRICS_PATH": ""},
    ],
    ids=lambda opened: next(iter(opened)),
)
def test_closed__not(found, opened):
    with override_settings(**opened):
        assert found("I002") == []


@pytest.mark.parametrize("token", ["short", "x" * 64, "abcabcabcabcabcabcabcabcabc"])
def test_token__weak(found, token):
    with override_settings(OPS_METRICS_TOKEN=token):
        assert found("W015")[0].startswith("OPS_METRICS_TOKEN has less than 20 characters")


@pytest.mark.parametrize("token", ["please-ChangeMe-before-use-1", "my-secret-0123456789-abcdef"])
def test_token__guessed_first(found, token):
    with override_settings(OPS_METRICS_TOKEN=token):
        assert found("W015") == ["OPS_METRICS_TOKEN contains a word that is guessed first."]


def test_token__is_never_told(found):
    with override_settings(OPS_METRICS_TOKEN="hunter2"):
        assert "hunter2" not in found("W015")[0]


@pytest.mark.parametrize("token", ["", GOOD_TOKEN])
def test_token__good_or_none(found, token):
    with override_settings(OPS_METRICS_TOKEN=token):
        assert found("W015") == []


def test_token__weak_in_a_file(found, tmp_path):
    (tmp_path / "token").write_text("short\n")
    with override_settings(OPS_METRICS_TOKEN_FILE=tmp_path / "token"):
        assert len(found("W015")) == 1


def test_token__unreadable_file_is_another_mistake(found):
    with override_settings(OPS_METRICS_TOKEN_FILE="/nonexistent"):
        assert found("W015") == []


PERMISSION = {
    "OPS_METRICS_PERMISSION": "auth.view_user",
    "MIDDLEWARE": ["django.contrib.auth.middleware.AuthenticationMiddleware"],
    "ROOT_URLCONF": "django_ops.urls",
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"OPS_METRICS_PERMISSION": "view_user"}, "not of the form app_label.codename"),
        ({"MIDDLEWARE": []}, "no AuthenticationMiddleware"),
        ({"OPS_METRICS_PATH": "/elsewhere"}, "has nothing at /elsewhere"),
    ],
)
def test_permission__cannot_be_had(found, change, told):
    with override_settings(**PERMISSION | change):
        (sentence,) = found("W016")
    assert told in sentence


def test_permission__can_be_had(found):
    with override_settings(**PERMISSION):
        assert found("W016") == []


def test_permission__not_asked_for(found):
    with override_settings(MIDDLEWARE=[]):
        assert found("W016") == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WEB_CONCURRENCY", "4"),
        ("GUNICORN_CMD_ARGS", "--bind :8000 --workers 4"),
        ("GUNICORN_CMD_ARGS", "--workers=4"),
        ("GUNICORN_CMD_ARGS", "-w 4"),
        ("GUNICORN_CMD_ARGS", "-w4 --threads 2"),
    ],
)
def test_slots__several_workers_without_directory(found, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert found("W017") == [f"{variable} asks for 4 workers, and PROMETHEUS_MULTIPROC_DIR is not set."]


@pytest.mark.parametrize("value", ["1", "", "many"])
def test_slots__one_worker(found, monkeypatch, value):
    monkeypatch.setenv("WEB_CONCURRENCY", value)
    assert found("W017") == []


def test_slots__directory_given(found, monkeypatch, tmp_path):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert found("W017") == []


@pytest.mark.parametrize("place", ["gunicorn.conf.py", "config/gunicorn.conf.py", "site/config/gunicorn_conf.py"])
def test_slots__gunicorn_configured_by_us(found, monkeypatch, tmp_path, place):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("from django_ops.gunicorn import *\n")
    assert found("W017") == []


def test_slots__gunicorn_configured_by_somebody_else(found, monkeypatch, tmp_path):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    (tmp_path / "gunicorn.conf.py").write_text("workers = 4\n")
    (tmp_path / "gunicorn_directory.py").mkdir()
    assert len(found("W017")) == 1


@pytest.mark.parametrize("variable", ["UVICORN_WORKERS", "GRANIAN_WORKERS", "UWSGI_PROCESSES"])
def test_slots__of_another_server(found, monkeypatch, variable):
    monkeypatch.setenv(variable, "3")
    assert found("W017") == [f"{variable} asks for 3 workers, and PROMETHEUS_MULTIPROC_DIR is not set."]


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("Procfile", "web: uvicorn shop.asgi --workers 3"),
        ("deploy/shop.service", "ExecStart=/srv/shop/.venv/bin/hypercorn --workers=3 shop.asgi"),
        ("docker/app/Dockerfile", 'CMD ["granian", "--workers", "3", "shop.asgi:application"]'),
        ("compose.yml", "    command: uwsgi --processes 3"),
        (
            "compose.yml",
            "    command:\n      - uvicorn\n      - shop.asgi\n      - --workers\n      - '3'\n    init: true",
        ),
        ("compose.yml", "    command: >-\n      uvicorn shop.asgi\n      --workers 3\n    init: true"),
        ("start.sh", "uvicorn shop.asgi \\\n  # as many as cores\n  --workers 3"),
        ("start.sh", "# once gunicorn\ngunicorn old.wsgi &\npip install gunicorn && uvicorn shop.asgi --workers 3"),
    ],
)
def test_slots__of_a_server_that_a_file_starts(found, tmp_path, place, line):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(f"# not with --workers 2\n{line}\n")
    assert found("W017") == [f"{place} starts 3 workers, and PROMETHEUS_MULTIPROC_DIR is not set."]


@pytest.mark.parametrize(
    "text",
    [
        "uvicorn shop.asgi --workers 1",
        "gunicorn shop.wsgi -k uvicorn_worker.UvicornWorker \\\n --workers 3",
        "uvicorn shop.asgi &\ndramatiq shop.tasks --processes 4",
        "export PROMETHEUS_MULTIPROC_DIR=/run/shop\nuvicorn shop.asgi --workers 3",
    ],
    ids=["one", "gunicorn", "a task queue", "with a directory"],
)
def test_slots__of_a_server_that_has_them(found, tmp_path, text):
    (tmp_path / "start.sh").write_text(f"{text}\n")
    assert found("W017") == []


def test_slots__gunicorn_told_to_be_configured_by_us(found, monkeypatch):
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 4 --config python:django_ops.gunicorn")
    assert found("W017") == []


def test_slot_directory__cannot_be_written(found, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/proc/nowhere")
    assert found("W018")[0].startswith("PROMETHEUS_MULTIPROC_DIR: /proc/nowhere cannot be written:")


def test_slot_directory__can_be_written(found, monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert found("W018") == []


def test_slot_directory__none(found):
    assert found("W018") == []
