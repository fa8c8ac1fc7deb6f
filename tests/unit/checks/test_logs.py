"""Mistakes in how the site logs."""

import json
import logging
import logging.config

import pytest
from django.utils.log import AdminEmailHandler, RequireDebugTrue
from pythonjsonlogger.json import JsonFormatter

from django_ops.checks.logs import loggers
from django_ops.logs.console import ConsoleHandler
from django_ops.logs.files import SlotFileHandler
from django_ops.logs.standard_output import StandardOutputHandler


@pytest.fixture
def no_others(monkeypatch):
    """No logger but the root: what other tests have set up is not looked at."""
    monkeypatch.setattr(logging.Logger.manager, "loggerDict", {})


@pytest.fixture
def found(found, root, no_others):
    """The same without the handlers that pytest gives the root logger, and those that do not propagate."""

    def without_pytests(number):
        for logger in loggers():
            logger.handlers = [handler for handler in logger.handlers if "pytest" not in type(handler).__module__]
        return found(number)

    return without_pytests


@pytest.fixture
def log_to(root):
    """Give the root logger a file handler for a directory."""
    handlers = []

    def add(directory):
        handlers.append(SlotFileHandler(directory))
        root.addHandler(handlers[-1])

    yield add
    for handler in handlers:
        handler.close()


@pytest.fixture
def own_logger(no_others):
    """A logger that does not propagate, taken back afterwards."""
    logger = logging.getLogger("tests.past_the_root")
    logger.propagate = False
    yield logger
    logger.propagate = True
    logger.handlers = []


def plain():
    return logging.StreamHandler()


def as_json():
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    return handler


def in_debug_only():
    handler = as_json()
    handler.addFilter(RequireDebugTrue())
    return handler


def test_directory__writable(found, log_to, tmp_path):
    log_to(tmp_path)
    assert found("E007") == []


def test_directory__that_cannot_be(found, log_to, tmp_path):
    (tmp_path / "file").touch()
    log_to(tmp_path / "file" / "log")
    assert found("E007") == [f"LOGGING: the log directory {tmp_path}/file/log cannot be written: Not a directory."]


def test_directory__of_two_handlers_is_told_once(found, log_to, tmp_path):
    (tmp_path / "file").touch()
    log_to(tmp_path / "file" / "log")
    log_to(tmp_path / "file" / "log")
    assert len(found("E007")) == 1


def test_directory__of_another_logger(found, root, own_logger):
    handler = SlotFileHandler("/proc/nowhere")
    own_logger.addHandler(handler)
    assert len(found("E007")) == 1
    handler.close()


@pytest.mark.parametrize(
    "handlers",
    [[], [in_debug_only], [logging.NullHandler], [AdminEmailHandler], [in_debug_only, AdminEmailHandler]],
    ids=["none", "console", "null", "mail", "Django's default"],
)
def test_debug_only__found(found, root, handlers):
    for make in handlers:
        root.addHandler(make())
    assert found("W009") == ["LOGGING gives the root logger no handler that writes while DEBUG is False."]


@pytest.mark.parametrize("make", [plain, as_json, StandardOutputHandler])
def test_debug_only__writes_in_production(found, root, make):
    root.addHandler(make())
    assert found("W009") == []


def test_root__plain(found, root):
    root.addHandler(plain())
    assert found("W010") == ["LOGGING gives the root logger no handler with a JSON formatter."]


def test_root__json_in_debug_only(found, root):
    root.addHandler(plain())
    root.addHandler(in_debug_only())
    assert len(found("W010")) == 1


@pytest.mark.parametrize("make", [as_json, StandardOutputHandler])
def test_root__json(found, root, make):
    root.addHandler(make())
    assert found("W010") == []


def test_root__json_of_somebody_else(found, root):
    class OtherJSONRenderer(logging.Formatter):
        def format(self, record):
            return json.dumps({"message": record.getMessage()})

    handler = plain()
    handler.setFormatter(OtherJSONRenderer())
    root.addHandler(handler)
    assert found("W010") == []


def test_root__without_handlers_is_another_mistake(found, root):
    assert found("W010") == []


def test_past_the_root__plain(found, root, own_logger):
    root.addHandler(as_json())
    own_logger.addHandler(plain())
    assert found("W011") == [
        "LOGGING: the logger 'tests.past_the_root' writes by itself, not as JSON, and does not propagate."
    ]


@pytest.mark.parametrize("make", [as_json, logging.NullHandler, in_debug_only])
def test_past_the_root__harmless(found, root, own_logger, make):
    root.addHandler(as_json())
    own_logger.addHandler(make())
    assert found("W011") == []


def test_past_the_root__root_itself_is_wrong(found, root, own_logger):
    own_logger.addHandler(plain())
    assert found("W011") == []


@pytest.mark.parametrize("name", ["MEDIA_ROOT", "STATIC_ROOT"])
def test_public__directory_below(found, log_to, settings, tmp_path, name):
    setattr(settings, name, str(tmp_path))
    log_to(tmp_path / "log")
    assert found("W012") == [f"LOGGING: the log directory {tmp_path}/log lies in {name}."]


def test_public__directory_elsewhere(found, log_to, settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    log_to(tmp_path / "log")
    assert found("W012") == []


def test_our_configuration__makes_none_of_these_mistakes(found, root, tmp_path):
    from django_ops.logs import logging_config

    handler = SlotFileHandler(tmp_path)
    assert logging_config()["root"]["handlers"] == ["django_ops"]
    root.addHandler(handler)
    assert [found("E007"), found("W009"), found("W010"), found("W012")] == [[], [], [], []]
    handler.close()


@pytest.mark.parametrize(("in_debug_only", "expected"), [(True, 0), (False, 1)])
def test_json__console_in_the_place_of_it(found, root, in_debug_only, expected):
    """What replaces the JSON lines under DEBUG is none of production's; what always does is."""
    root.addHandler(ConsoleHandler(in_debug_only))
    assert [len(found("W009")), len(found("W010"))] == [0, expected]
