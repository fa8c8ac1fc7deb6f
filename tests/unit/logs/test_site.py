import datetime
import importlib
import logging
import os
import signal
import sys
from pathlib import Path

import pytest

from django_ops.logs import logging_config, site


@pytest.fixture
def settings_module(monkeypatch, tmp_path):
    """Write a settings module, and return its name."""

    def write(text):
        (tmp_path / "readsettings.py").write_text(text)
        importlib.invalidate_caches()
        return "readsettings"

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    sys.modules.pop("readsettings", None)


def test_read__tells_logging_and_service(settings_module):
    found = site.read(
        settings_module(
            "from pathlib import Path\nfrom django_ops.logs import logging_config\n"
            "OPS_SERVICE_NAME = 'shop'\nLOGGING = logging_config(directory=Path('/var/log/shop'))\n"
        )
    )
    assert found.service == {"OPS_SERVICE_NAME": "shop"}
    assert found.logging["handlers"]["django_ops"]["directory"] == "/var/log/shop"


def test_read__imports_nothing_here(settings_module):
    assert "imaplib" not in sys.modules
    site.read(settings_module("import imaplib"))
    assert {"imaplib", "readsettings"}.isdisjoint(sys.modules)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 / 0", "ZeroDivisionError('division by zero')"),
        ("raise SystemExit(2)", "SystemExit(2)"),
        ("import os; os._exit(1)", "the child process that read the settings died"),
        ("LOGGING = {'version': object()}", "ValueError('unmarshallable object')"),
        ("LOGGING = 7", "AttributeError(\"'int' object has no attribute 'get'\")"),
    ],
)
def test_read__of_what_cannot_be_read(settings_module, text, problem):
    found = site.read(settings_module(text))
    assert (found.logging, found.problem) == (None, problem)


def test_read__does_not_wait_for_what_the_settings_start(settings_module, tmp_path):
    ended = tmp_path / "ended"
    started = f"""
import os, time
OPS_SERVICE_NAME = "shop"
if not os.fork():
    deadline = time.monotonic() + 60
    while not os.path.exists({str(ended)!r}) and time.monotonic() < deadline:
        time.sleep(0.01)
    os._exit(0)
"""
    assert site.read(settings_module(started)).service == {"OPS_SERVICE_NAME": "shop"}
    ended.touch()


def test_read__where_a_signal_handler_reaps_every_child(settings_module):
    def reap(number, frame):
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            pass

    before = signal.signal(signal.SIGCHLD, reap)
    try:
        assert site.read(settings_module("OPS_SERVICE_NAME = 'shop'")).service == {"OPS_SERVICE_NAME": "shop"}
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_for_a_master__of_ours_is_what_the_workers_use_but_for_the_mails():
    config = logging_config(level="WARNING", loggers={"gunicorn.error": "ERROR", "shop": "DEBUG"})
    used = site.for_a_master(config)
    assert used["root"] == config["root"]
    assert used["handlers"]["django_ops"] == config["handlers"]["django_ops"]
    assert "mail_admins" not in used["handlers"]
    assert used["loggers"]["gunicorn.error"] == {"handlers": [], "propagate": True, "level": "ERROR"}
    assert "shop" not in used["loggers"]


THEIRS = {
    "version": 1,
    "filters": {"id": {"()": "shop.IdFilter"}},
    "formatters": {
        "plain": {"format": "%(message)s"},
        "json": {"()": "pythonjsonlogger.json.JsonFormatter"},
        "theirs": {"()": "shop.Formatter"},
        "defaults": {"format": "%(day)s %(message)s", "defaults": {"day": datetime.date(2026, 11, 21)}},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain"},
        "file": {"class": "logging.FileHandler", "filename": Path("/tmp/log"), "formatter": "json"},
        "ours": {"class": "django_ops.logs.files.SlotFileHandler", "directory": "/tmp", "filters": ["id"]},
        "formatted": {"class": "logging.StreamHandler", "formatter": "theirs"},
        "filtered": {"class": "logging.StreamHandler", "filters": ["id"]},
        "sentry": {"class": "sentry_sdk.integrations.logging.EventHandler"},
        "called": {"()": logging.StreamHandler},
        "at_one": {"class": "logging.handlers.TimedRotatingFileHandler", "filename": "x", "atTime": datetime.time(1)},
        "with_defaults": {"class": "logging.StreamHandler", "formatter": "defaults"},
        "queue": {"class": "logging.handlers.QueueHandler", "handlers": ["console"]},
    },
}


def test_for_a_master__uses_what_needs_nothing_of_the_site():
    used = site.for_a_master({**THEIRS, "root": {"handlers": list(THEIRS["handlers"])}})
    assert used["root"]["handlers"] == ["console", "file", "ours"]
    assert used["handlers"]["file"]["filename"] == "/tmp/log"
    assert "filters" not in used["handlers"]["ours"]
    assert list(used["formatters"]) == ["plain", "json"]
