"""The formatter's facts; what holds for any record is in test_formatter_properties."""

import logging
import logging.config
import sys
import threading

import pytest
from django.test import override_settings
from pythonjsonlogger.orjson import OrjsonFormatter

from django_ops.logs import formatter as module
from django_ops.logs.formatter import LineFormatter
from django_ops.record.context import Context, current
from django_ops.record.outcome import Outcome
from django_ops.record.redaction import MASK
from tests.unit.logs.examples import IDENTITY, REQUEST, TASK, log_record, raised, validated
from tests.unit.logs.hostile import Bomb

FORMATTER = LineFormatter()


def line(record):
    return validated(FORMATTER.line(record))


def ours(record):
    log_line = log_record("%s %s %d %dms")
    log_line.ops_record = record
    return log_line


def info(error):
    return (type(error), error, error.__traceback__)


def test_formatter__is_of_python_json_logger():
    assert isinstance(FORMATTER, OrjsonFormatter)


def test_format__is_the_line_as_text():
    record = log_record("hello")
    assert FORMATTER.format(record) + "\n" == FORMATTER.line(record).decode()


def test_line__of_an_application():
    document = line(log_record("user %s", "jane", extra={"order": 17}))
    assert document["message"] == "user jane"
    assert document["log.level"] == "info"
    assert document["log.logger"] == "shop.orders"
    assert document["event"] == {"dataset": "django.log"}
    assert document["log.origin"] == {"file": {"name": "views.py", "line": 42}, "function": "detail"}
    assert document["labels"] == {"order": "17"}


def test_line__no_labels_without_extra():
    assert "labels" not in line(log_record("hello"))


@pytest.mark.parametrize(
    ("level", "name"),
    [(10, "debug"), (20, "info"), (30, "warning"), (40, "error"), (50, "critical"), (27, "level 27")],
)
def test_line__level(level, name):
    assert line(log_record("hello", level=level))["log.level"] == name


def test_line__ids_within_a_request():
    token = current.set(Context(IDENTITY))
    try:
        document = line(log_record("hello"))
    finally:
        current.reset(token)
    assert (document["http"]["request"]["id"], document["trace"]["id"], document["span"]["id"]) == IDENTITY


def test_line__no_ids_outside_of_a_request():
    assert not {"http", "trace", "span"} & set(line(log_record("hello")))


@override_settings(OPS_SERVICE_NAME="shop", OPS_SERVICE_VERSION="1.4.2", OPS_ENVIRONMENT="staging")
def test_line__service():
    assert line(log_record("hello"))["service"] == {"name": "shop", "version": "1.4.2", "environment": "staging"}


def test_line__exception():
    document = line(log_record("failed", exc_info=info(raised(ValueError("wrong")))))
    assert document["error"]["type"] == "ValueError"
    assert document["error"]["message"] == "wrong"


def test_line__exception_itself_as_exc_info():
    record = log_record("failed")
    record.exc_info = raised(ValueError("wrong"))
    assert line(record)["error"]["type"] == "ValueError"


def test_line__no_exception_there():
    assert "error" not in line(log_record("hello", exc_info=(None, None, None)))


@pytest.mark.parametrize("value", [True, "text", 5, (1, 2), [1]])
def test_line__exc_info_of_the_wrong_type(value):
    record = log_record("hello")
    record.exc_info = value
    assert line(record)["labels"]["format_error"].startswith("exc_info: is a ")


def test_line__text_of_an_exception_that_is_gone():
    record = log_record("hello")
    record.exc_text = "Traceback: token=abc"
    assert line(record)["error"] == {"stack_trace": f"Traceback: token={MASK}"}


def test_line__stack_info():
    record = log_record("hello")
    record.stack_info = "Stack (most recent call last):\n  token=abc"
    assert line(record)["labels"]["stack_info"] == f"Stack (most recent call last):\n  token={MASK}"


def test_line__extra_cannot_overwrite_ours():
    extra = {"@timestamp": "x", "log.level": "x", "service": {"name": "x"}, "event": "x", "http": "x", "labels": "x"}
    document = line(log_record("hello", extra=extra))
    assert document["log.level"] == "info"
    assert document["labels"] == {
        "@timestamp": "x",
        "log.level": "x",
        "service.name": "x",
        "event": "x",
        "http": "x",
        "labels": "x",
    }


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        ("created", float("nan"), "created: ValueError"),
        ("created", "yesterday", "created: ValueError"),
        ("created", None, "created: TypeError"),
        ("levelname", Bomb(ValueError()), "levelname: ValueError"),
        ("name", Bomb(ValueError()), "name: ValueError"),
        ("filename", Bomb(ValueError()), "filename: ValueError"),
        ("funcName", Bomb(ValueError()), "funcName: ValueError"),
        ("msg", Bomb(ValueError()), "message: ValueError"),
        ("stack_info", Bomb(ValueError()), "stack_info: ValueError"),
        ("exc_text", Bomb(ValueError()), "exc_info: ValueError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_line__hostile_attribute_is_told(attribute, value, told):
    record = log_record("hello", level=25)
    setattr(record, attribute, value)
    document = line(record)
    assert document["labels"]["format_error"] == told
    assert document["log.logger"] in ("shop.orders", "unknown")


@pytest.mark.parametrize(
    "attribute", ["created", "levelno", "name", "filename", "funcName", "lineno", "exc_info", "args"]
)
def test_line__missing_attribute(attribute):
    record = log_record("hello")
    del record.__dict__[attribute]
    document = line(record)
    assert document["message"] in ("hello", "(not shown)")


def test_line__not_a_record_at_all():
    document = line(object())
    assert document["labels"]["format_error"] == "AttributeError"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_line__interrupt_goes_through(interrupt):
    record = log_record("hello")
    record.msg = Bomb(interrupt())
    with pytest.raises(interrupt):
        FORMATTER.line(record)


def test_line__at_the_end_of_the_stack():
    record = log_record("hello", extra={"a": {"b": [1]}})

    def descend(depth):
        if depth:
            return descend(depth - 1)
        return FORMATTER.line(record)

    limit = sys.getrecursionlimit()
    lines = []

    def run():
        for depth in range(limit - 60, limit):
            try:
                lines.append(descend(depth))
            except RecursionError:  # not even our first function fits
                break

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(lines) > 30
    assert {validated(each)["message"] for each in lines} <= {
        "hello",
        "(not shown)",
        "(a log record that could not be shown)",
    }


def test_line__last_resort(monkeypatch):
    monkeypatch.setattr(module, "log_line", lambda *args: 1 / 0)
    document = line(log_record("hello"))
    assert document["labels"]["format_error"] == "out of stack"


def test_line__lone_surrogate_is_told():
    document = line(log_record("a\ud800", extra={"b": "c\udc80"}))
    assert document["message"] == "a\\ud800"
    assert document["labels"] == {"b": "c\\udc80", "format_error": "lone surrogate"}


def test_line__lone_surrogate_within_a_list():
    assert line(log_record("a", extra={"b": ["c\udc80"]}))["labels"] == {"b": '["c\\\\udc80"]'}


def test_line__of_a_request():
    document = line(ours(REQUEST))
    assert document["message"] == "%s %s %d %dms"
    assert document["event"]["dataset"] == "django.request"


def test_line__of_a_request_that_failed():
    document = line(ours(REQUEST._replace(error=raised(ValueError("wrong")), outcome=Outcome.EXCEPTION, status=500)))
    assert document["error"]["message"] == "wrong"


def test_line__of_a_task_that_failed():
    document = line(ours(TASK._replace(error=raised(ValueError("wrong")))))
    assert document["error"]["message"] == "wrong"
    assert document["event"]["dataset"] == "django.task"


def test_line__of_a_request_with_what_a_filter_added():
    record = ours(REQUEST)
    record.tenant = "acme"
    assert line(record)["labels"] == {"tenant": "acme"}


def test_line__error_that_cannot_be_described(monkeypatch):
    monkeypatch.setattr(module, "error_fields", lambda *arguments: 1 / 0)
    document = line(log_record("failed", exc_info=info(raised(ValueError("wrong")))))
    assert document["error"] == {"type": "ValueError"}
    assert document["labels"]["format_error"] == "error: ZeroDivisionError"


def test_line__somebody_elses_ops_record():
    record = log_record("hello")
    record.ops_record = "mine"
    assert line(record)["message"] == "hello"


def test_formatter__takes_what_logging_passes():
    config = {
        "version": 1,
        "formatters": {"line": {"class": "django_ops.logs.LineFormatter", "format": "%(message)s"}},
    }
    logging.config.dictConfig({**config, "incremental": False, "disable_existing_loggers": False})


def test_line__names_what_was_cut():
    long = "x" * 10_000
    document = line(log_record(long, extra={"a": long, "b": [long], "c": "short"}))
    assert document["labels"]["format_cut"] == "message labels.a labels.b"


def test_line__says_that_not_all_that_was_cut_is_named():
    names = {f"label_{number}_{'x' * 90}": "x" * 10_000 for number in range(3)}
    assert line(log_record("hello", extra=names))["labels"]["format_cut"].endswith(" characters cut ...]")


def test_line__names_what_was_cut_of_an_error():
    document = line(log_record("failed", exc_info=info(raised(ValueError("x" * 3000)))))
    assert document["labels"]["format_cut"] == "error.message error.stack_trace"
