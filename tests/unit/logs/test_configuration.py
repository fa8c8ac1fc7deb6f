"""logging_config(): every line of the process goes one way, and a mistake in it is named."""

import ast
import json
import logging
import logging.config
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from django_ops.exceptions import ImproperlyConfiguredError
from django_ops.logs import logging_config
from django_ops.logs.configuration import _OPTIONS, make_handler
from django_ops.logs.files import SlotFileHandler
from django_ops.logs.standard_output import StandardOutputHandler

pytestmark = pytest.mark.usefixtures("logging_restored")


@pytest.fixture
def configured(tmp_path):
    """Configure logging with some options, and return what reads the lines."""

    def configure(**options):
        logging.config.dictConfig(logging_config(directory=tmp_path, **options))
        return lambda: [
            json.loads(line) for path in sorted(tmp_path.iterdir()) for line in path.read_text().splitlines()
        ]

    yield configure
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}})


@pytest.mark.parametrize(
    "name",
    [
        "shop.orders",
        "django",
        "django.request",
        "django.security.csrf",
        "gunicorn.error",
        "uvicorn",
        "uvicorn.error",
        "uvicorn.asgi",
        "celery",
        "celery.worker",
        "py.warnings",
        "django_ops.request",
    ],
)
def test_logging_config__line_of_a_logger(configured, name):
    logger = logging.getLogger(name)
    logger.addHandler(logging.NullHandler())  # as libraries do before we are asked
    logger.propagate = name != "uvicorn"
    read = configured()
    logger.warning("hello")
    assert [line["log.logger"] for line in read()] == [name]


@pytest.mark.parametrize("name", ["gunicorn.error", "uvicorn.error", "celery.worker.consumer", "shop"])
def test_logging_config__with_files_errors_of_servers_are_also_on_stderr(configured, capsys, name):
    read = configured()
    logging.getLogger(name).info("begins")
    logging.getLogger(name).error("cannot listen")
    assert [line["message"] for line in read()] == ["begins", "cannot listen"]
    said = capsys.readouterr().err.splitlines()
    assert [line.rpartition("] ")[2] for line in said] == ([] if name == "shop" else ["cannot listen"])


def test_logging_config__with_files_and_console_errors_of_servers_are_on_stderr_once(configured, capsys):
    configured(console=True)
    logging.getLogger("uvicorn.error").error("cannot listen")
    assert capsys.readouterr().err.count("cannot listen") == 1


@pytest.mark.parametrize("name", ["gunicorn.access", "uvicorn.access", "django.server"])
def test_logging_config__access_logs_are_silent(configured, name):
    read = configured()
    logging.getLogger(name).warning("GET / 200")
    assert read() == []


def test_logging_config__level(configured):
    read = configured(level="WARNING")
    logging.getLogger("shop").info("quiet")
    logging.getLogger("shop").warning("loud")
    assert [line["message"] for line in read()] == ["loud"]


def test_logging_config__info_by_default(configured):
    read = configured()
    logging.getLogger("shop").debug("quiet")
    logging.getLogger("shop").info("loud")
    assert [line["message"] for line in read()] == ["loud"]


def test_logging_config__level_of_a_logger(configured):
    read = configured(loggers={"shop.noisy": "ERROR", "shop.odd": {"level": "DEBUG"}})
    logging.getLogger("shop.noisy").warning("quiet")
    logging.getLogger("shop.odd").debug("loud")
    assert [line["message"] for line in read()] == ["loud"]


def test_logging_config__logger_of_ours_keeps_the_rest():
    loggers = logging_config(loggers={"django": "ERROR"})["loggers"]
    assert loggers["django"] == {"handlers": ["mail_admins"], "propagate": True, "level": "ERROR"}


def test_logging_config__django_mails_its_admins_as_before():
    config = logging_config()
    assert config["handlers"]["mail_admins"]["class"] == "django.utils.log.AdminEmailHandler"


@pytest.mark.parametrize("options", [{}, {"directory": ""}])
def test_logging_config__standard_output_without_a_directory(options):
    logging.config.dictConfig(logging_config(**options))
    assert [type(handler) for handler in logging.getLogger().handlers] == [StandardOutputHandler]


def test_logging_config__options_of_the_files(tmp_path):
    logging.config.dictConfig(logging_config(directory=str(tmp_path), name="shop", max_bytes=1000, backup_days=None))
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, SlotFileHandler)
    assert (handler.directory, handler.family, handler._max_bytes, handler._backup_days) == (
        tmp_path,
        "shop",
        1000,
        None,
    )


def test_logging_config__captures_warnings(configured):
    read = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old way", UserWarning, stacklevel=1)
    assert "old way" in read()[0]["message"]


def test_logging_config__leaves_warnings(configured):
    configured(capture_warnings=False)
    with pytest.warns(UserWarning, match="old way"):
        warnings.warn("old way", UserWarning, stacklevel=1)


def test_logging_config__does_not_share_its_dicts():
    logging_config()["loggers"]["django"]["level"] = "ERROR"
    assert "level" not in logging_config()["loggers"]["django"]


def test_logging_config__reads_no_settings():
    code = (
        "from django_ops.logs import logging_config\n"
        "logging_config(directory='x')\n"
        "from django.conf import settings\n"
        "print(settings.configured)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"DJANGO_SETTINGS_MODULE": "no.such"},
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_logging_config__unknown_option_names_the_nearest():
    with pytest.raises(ImproperlyConfiguredError, match=r"no option directry. Did you mean directory\?"):
        logging_config(directry="x")


def test_logging_config__unknown_option_unlike_any():
    with pytest.raises(ImproperlyConfiguredError, match=r"no option zzz. There are: level, directory"):
        logging_config(zzz=1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("level", "LOUD"),
        ("level", 20),
        ("directory", 5),
        ("name", ""),
        ("name", "a/b"),
        ("name", ".hidden"),
        ("name", None),
        ("max_bytes", 0),
        ("max_bytes", "5"),
        ("max_age_seconds", -1),
        ("max_age_seconds", True),
        ("backup_count", -1),
        ("backup_days", 0),
        ("loggers", ["shop"]),
        ("console", "yes"),
        ("capture_warnings", None),
    ],
)
def test_logging_config__wrong_value_is_named(option, value):
    with pytest.raises(ImproperlyConfiguredError, match=rf"logging_config\({option}=...\) must be "):
        logging_config(**{option: value})


@pytest.mark.parametrize("option", ["max_bytes", "max_age_seconds", "backup_count", "backup_days"])
def test_logging_config__no_limit(option):
    assert logging_config(**{option: None})["handlers"]["django_ops"][option] is None


def test_make_handler__path(tmp_path):
    handler = make_handler(Path(tmp_path), False, name="shop")
    assert isinstance(handler, SlotFileHandler)
    handler.close()


def test_reference__has_every_option_with_its_default():
    page = (Path(__file__).parents[3] / "docs/reference/logging-config.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", page, re.MULTILINE))
    assert {name: ast.literal_eval(value) for name, value in rows.items()} == _OPTIONS


def test_reference__examples_work():
    page = (Path(__file__).parents[3] / "docs/reference/logging-config.md").read_text()
    (_, example, addition) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    scope = {"os": os, "logging_config": logging_config}
    exec(example + addition.replace("shop.alarm.Handler", "logging.NullHandler"), scope)
    logging.config.dictConfig(scope["LOGGING"])
    assert logging.getLogger("shop.imports").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("noisy.library").isEnabledFor(logging.WARNING)
    assert len(logging.getLogger().handlers) == 2
