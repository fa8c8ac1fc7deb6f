"""A line says what was true when its record was made, whichever thread writes it, and when."""

import io
import json
import logging
import logging.handlers
import pickle
import queue

import pytest
from django.utils.safestring import mark_safe

from django_ops.logs import moment
from django_ops.logs.formatter import LineFormatter
from django_ops.logs.records import log_record
from django_ops.record.context import Context, current
from django_ops.record.identity import new_identity
from tests.unit.logs.examples import IDENTITY, REQUEST, raised, validated

FORMATTER = LineFormatter()


@pytest.fixture
def logger():
    """A logger that nobody listens to but the test, within a request."""
    logger = logging.Logger("shop.orders")
    token = current.set(Context(IDENTITY))
    yield logger
    current.reset(token)


def failed(logger):
    """Log an exception, which gets further frames afterwards."""

    def fail():
        try:
            raise ValueError("wrong")
        except ValueError:
            logger.exception("it failed")
            raise

    return raised_by(fail)


def raised_by(function):
    try:
        function()
    except ValueError as error:
        return error


def in_another_request(handle, record):
    token = current.set(Context(new_identity()))
    try:
        return handle(record)
    finally:
        current.reset(token)


def line(record):
    return validated(in_another_request(FORMATTER.line, record))


def collected(logger, handler):
    target = logging.Handler()
    records = []
    target.emit = records.append
    if isinstance(handler, logging.handlers.MemoryHandler):
        handler.setTarget(target)
    logger.addHandler(handler)
    return records


def test_memory_handler__keeps_ids_and_traceback(logger):
    records = collected(logger, logging.handlers.MemoryHandler(100, flushLevel=logging.CRITICAL))
    direct = logging.Handler()
    direct.emit = lambda record: direct.lines.append(validated(FORMATTER.line(record)))
    direct.lines = []
    logger.addHandler(direct)
    failed(logger)
    logger.handlers[0].flush()
    assert [line(record) for record in records] == direct.lines
    assert (direct.lines[0]["http"]["request"]["id"], direct.lines[0]["span"]["id"]) == (IDENTITY[0], IDENTITY[2])


def same(record):
    return record


def carried(record):
    return pickle.loads(pickle.dumps(record))


@pytest.fixture(params=[same, carried], ids=["thread", "process"])
def queued(request, logger):
    """Return the lines of what was logged through a queue."""
    waiting = queue.SimpleQueue()
    logger.addHandler(logging.handlers.QueueHandler(waiting))

    def lines():
        return [line(request.param(waiting.get_nowait())) for _ in range(waiting.qsize())]

    return lines


def test_queue_handler__keeps_ids_and_error(logger, queued):
    failed(logger)
    [document] = queued()
    assert document["http"]["request"]["id"] == IDENTITY.request_id
    assert document["message"] == "it failed"
    assert (document["error"]["type"], document["error"]["message"]) == ("ValueError", "wrong")
    assert "in fail" in document["error"]["stack_trace"]
    assert "in raised_by" not in document["error"]["stack_trace"]


@pytest.mark.parametrize(
    "error",
    [ValueError("wrong"), raised(ValueError("wrong")), raised(ExceptionGroup("several", [ValueError("wrong")]))],
    ids=["no traceback", "traceback", "group"],
)
@pytest.mark.parametrize("text", ["%s failed", "%s:\nTraceback (most recent call last):\nby hand", "%s failed\n"])
def test_queue_handler__keeps_the_message_and_nothing_else(logger, queued, error, text):
    logger.error(text, "it", exc_info=error)
    [document] = queued()
    assert document["message"] == text % "it"
    assert document["error"]["type"] == type(error).__name__


def test_queue_handler__keeps_the_stack_as_a_label(logger, queued):
    logger.warning("who calls?", stack_info=True)
    [document] = queued()
    assert document["message"] == "who calls?"
    assert document["labels"]["stack_info"].startswith("Stack (most recent call last):")


def test_queue_handler__keeps_the_message_of_a_request(logger, queued):
    record = REQUEST._replace(error=raised(ValueError("wrong")))
    logger.handle(log_record(logger, logging.ERROR, "GET / 500 1ms", record))
    assert queued()[0]["message"] == "GET / 500 1ms"


def test_queue_handler__keeps_what_a_filter_left_of_a_message(logger, queued):
    def redact(record):
        record.msg, record.args = record.getMessage().replace("4711", "****"), ()
        return True

    logger.addFilter(redact)
    logger.error("card %s", "4711", exc_info=ValueError("wrong"))
    assert "4711" not in json.dumps(queued())


def test_line__of_a_moment_of_another_release():
    record = logging.makeLogRecord({"msg": "hello", "args": None, "_ops_moment": {"identity": ("1",), "error": "no"}})
    document = validated(FORMATTER.line(record))
    assert (document["message"], document["labels"]["format_error"]) == ("hello", "identity: TypeError")


def test_line__of_an_exception_that_cannot_be_told(logger):
    class Group(ExceptionGroup):
        exceptions = property(lambda self: 1 / 0)

    waiting = queue.SimpleQueue()
    logger.addHandler(logging.handlers.QueueHandler(waiting))
    logger.error("it failed")
    record = waiting.get_nowait()
    record.__dict__[moment.ATTRIBUTE].error = Group("several", [ValueError("wrong")])
    document = line(record)
    assert (document["message"], document["labels"]["format_error"]) == ("it failed", "error: ZeroDivisionError")


def test_pickle__needs_none_of_our_classes(logger):
    records = collected(logger, logging.handlers.MemoryHandler(1))
    text = mark_safe("it failed")
    logger.error(text, exc_info=raised(ValueError(text)), stack_info=True)
    found = []

    class Unpickler(pickle.Unpickler):
        def find_class(self, module, name):
            found.append((module, name))
            return super().find_class(module, name)

    Unpickler(io.BytesIO(pickle.dumps(records[0].__dict__[moment.ATTRIBUTE]))).load()
    assert {module.partition(".")[0] for module, _ in found} == {"json"}


def test_outside_of_a_request__stays_outside():
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.Logger("shop.orders")
    logger.addHandler(handler)
    logger.warning("starting")
    assert "http" not in line(records[0])


def test_filter__that_takes_the_exception_away_means_it(logger):
    records = collected(logger, logging.handlers.MemoryHandler(1))
    failed(logger)
    records[0].exc_info = None
    assert "error" not in line(records[0])


def test_factory__of_somebody_else_is_kept(monkeypatch):
    monkeypatch.setattr(moment, "_make_record", None)
    monkeypatch.setattr(moment, "plain_factory", moment.plain_factory)
    before = logging.getLogRecordFactory()

    def theirs(*args, **kwargs):
        record = logging.LogRecord(*args, **kwargs)
        record.otelTraceID = "7f3c"
        return record

    logging.setLogRecordFactory(theirs)
    try:
        moment.install()
        record = logging.Logger("x").makeRecord("x", 20, "x.py", 1, "hello", (), None)
    finally:
        logging.setLogRecordFactory(before)
    assert json.loads(FORMATTER.line(record))["labels"] == {"otelTraceID": "7f3c"}


def test_factory__of_somebody_else_without_ours(logger):
    record = logging.LogRecord("x", 20, "x.py", 1, "hello", (), None)
    assert validated(FORMATTER.line(record))["http"]["request"]["id"] == IDENTITY.request_id


def test_error__of_the_record_is_that_which_was_raised():
    error = raised(ValueError("wrong"))
    record = logging.Logger("x").makeRecord("x", 20, "x.py", 1, "hello", (), (ValueError, error, error.__traceback__))
    assert record.__dict__[moment.ATTRIBUTE].error is error
