"""Lines for people: readable, with tracebacks as Python shows them, and nothing that a terminal would obey."""

import io
import json
import logging
import re
import sys

import pytest

from django_ops.logs import emit_request, logging_config
from django_ops.logs.console import ConsoleFormatter, has_colours
from django_ops.logs.files import SlotFileHandler
from django_ops.logs.standard_output import StandardOutputHandler
from tests.unit.logs.examples import REQUEST

pytestmark = pytest.mark.usefixtures("logging_restored")


class Terminal(io.StringIO):
    """What says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Make a terminal standard error; called within the test, as pytest's capture is put in place for each phase."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return lambda: monkeypatch.setattr(sys, "stderr", Terminal())


@pytest.fixture
def configured(settings):
    """Configure logging while DEBUG has a value, and return the root's handler."""

    def configure(debug, **options):
        settings.DEBUG = debug
        logging.config.dictConfig(logging_config(**options))
        return logging.getLogger().handlers[0]

    return configure


def shown(level, message, *args, name="shop.orders", **attributes):
    """Return what is shown of a record, without the time."""
    record = logging.LogRecord(name, level, "orders.py", 1, message, args, attributes.pop("exc_info", None))
    vars(record).update(attributes)
    text = ConsoleFormatter().format(record)
    assert re.match(r"\d\d:\d\d:\d\d ", text)
    return text[9:]


def test_format__line_of_a_logger():
    assert shown(logging.INFO, "sold %d", 3, sku=42) == "INFO     shop.orders: sold 3  sku=42"


def test_format__line_of_a_request(configured, capsys):
    configured(True)
    emit_request(REQUEST)
    assert capsys.readouterr().err[9:] == "INFO     GET /orders/17 200 18ms  4 queries 6ms\n"


def test_format__traceback_is_unfolded():
    try:
        raise ValueError("why")
    except ValueError:
        lines = shown(logging.ERROR, "failed", exc_info=sys.exc_info()).splitlines()
    assert lines[:2] == ["ERROR    shop.orders: failed", "Traceback (most recent call last):"]
    assert lines[-1] == "ValueError: why"


def test_format__nothing_for_the_terminal_to_obey():
    text = shown(logging.INFO, "a\x1b[2J\rb\n12:00:00 ERROR forged", note="x\x9b1m\n\u202ey")
    assert text.splitlines() == [
        "INFO     shop.orders: a\\x1b[2J\\rb", "    12:00:00 ERROR forged  note=x\\x9b1m\\n\\u202ey",
    ]  # fmt: skip


def test_format__secrets_are_masked():
    assert "hunter2" not in shown(logging.INFO, "password=hunter2", token="hunter2")


def test_format__record_that_somebody_else_made():
    assert shown(logging.INFO, "hello", created="yesterday").startswith("INFO     shop.orders: hello")


@pytest.mark.parametrize(
    ("level", "code"), [(logging.INFO, None), (logging.WARNING, "\x1b[33;1m"), (logging.ERROR, "\x1b[31;1m")]
)
def test_colours__of_a_level(terminal, level, code):
    terminal()
    record = logging.LogRecord("shop", level, "x.py", 1, "hello", (), None)
    text = ConsoleFormatter().format(record)
    assert text.startswith(code) if code else "\x1b" not in text


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("NO_COLOR", "1", False), ("NO_COLOR", "", True), ("TERM", "dumb", False), ("TERM", "xterm", True)],
)
def test_colours__wanted(terminal, monkeypatch, name, value, expected):
    terminal()
    monkeypatch.setenv(name, value)
    assert has_colours() is expected


def test_colours__no_terminal(terminal, monkeypatch):
    terminal()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert has_colours() is False


def test_console__under_debug_instead_of_json(configured, capfd):
    configured(True)
    logging.getLogger("shop").info("hello")
    out, err = capfd.readouterr()
    assert (out, err[9:]) == ("", "INFO     shop: hello\n")


def test_console__beside_the_files(configured, tmp_path, capsys):
    handler = configured(True, directory=tmp_path)
    logging.getLogger("shop").info("hello")
    emit_request(REQUEST)
    assert isinstance(handler, SlotFileHandler)
    assert [json.loads(line)["message"] for line in handler.path.read_text().splitlines()] == [
        "hello",
        "GET /orders/17 200 18ms",
    ]
    assert [line[18:] for line in capsys.readouterr().err.splitlines()] == [
        "shop: hello",
        "GET /orders/17 200 18ms  4 queries 6ms",
    ]


def test_console__silent_once_debug_is_off(configured, settings, capfd):
    """Test runners switch DEBUG off, and plain Django says nothing then."""
    configured(True)
    settings.DEBUG = False
    logging.getLogger("shop").info("hello")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("debug", "console"), [(False, None), (True, False)])
def test_console__off(configured, debug, console, tmp_path):
    assert type(configured(debug, console=console)) is StandardOutputHandler
    assert type(configured(debug, console=console, directory=tmp_path)) is SlotFileHandler


def test_console__asked_for(configured, capsys):
    configured(False, console=True)
    logging.getLogger("shop").info("hello")
    assert capsys.readouterr().err.endswith("INFO     shop: hello\n")


def test_console__standard_error_that_is_closed(configured, monkeypatch):
    configured(True)
    monkeypatch.setattr(sys, "stderr", None)
    logging.getLogger("shop").info("hello")
