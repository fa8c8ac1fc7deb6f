"""A line says what was true when its record was made, whichever thread writes it, and when."""

import json
import logging
import logging.handlers
import pickle
import queue

import pytest

from django_ops.logs import moment
from django_ops.logs.formatter import LineFormatter
from django_ops.record.context import Context, current
from django_ops.record.identity import new_identity
from tests.unit.logs.examples import IDENTITY, raised, validated

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


@pytest.mark.parametrize("carry", [lambda record: record, lambda record: pickle.loads(pickle.dumps(record))])
def test_queue_handler__keeps_ids_and_error(logger, carry):
    waiting = queue.SimpleQueue()
    logger.addHandler(logging.handlers.QueueHandler(waiting))
    failed(logger)
    document = line(carry(waiting.get_nowait()))
    assert document["http"]["request"]["id"] == IDENTITY.request_id
    assert document["message"] == "it failed"
    assert (document["error"]["type"], document["error"]["message"]) == ("ValueError", "wrong")
    assert "in fail" in document["error"]["stack_trace"]
    assert "in raised_by" not in document["error"]["stack_trace"]


def test_pickle__needs_none_of_our_classes(logger):
    records = collected(logger, logging.handlers.MemoryHandler(1))
    failed(logger)
    assert b"django_ops" not in pickle.dumps(records[0].__dict__[moment.ATTRIBUTE])


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
