"""A finished request or task goes through logging as a record that filters, handlers and caplog can use."""

import logging
import os
import threading

import pytest

from django_ops.logs.emit import emit_request, emit_task
from django_ops.logs.records import STANDARD_ATTRIBUTES
from django_ops.record.outcome import Outcome
from django_ops.record.task import TaskOutcome
from tests.unit.logs.examples import REQUEST, STARTED_AT, TASK, raised


@pytest.fixture
def emitted(caplog):
    def emit(record, emitter=emit_request):
        caplog.clear()
        with caplog.at_level(logging.INFO, "django_ops"):
            emitter(record)
        return caplog.records[-1] if caplog.records else None

    return emit


@pytest.mark.parametrize(
    ("outcome", "status", "level"),
    [
        (Outcome.OK, 200, logging.INFO),
        (Outcome.REDIRECT, 302, logging.INFO),
        (Outcome.STREAM, 200, logging.INFO),
        (Outcome.UNROUTED, 404, logging.WARNING),
        (Outcome.OK, 403, logging.WARNING),
        (Outcome.DISCONNECT, 499, logging.WARNING),
        (Outcome.CANCELLED, 499, logging.WARNING),
        (Outcome.OK, 503, logging.ERROR),
        (Outcome.EXCEPTION, 500, logging.ERROR),
        (Outcome.EXCEPTION, 400, logging.ERROR),
    ],
)
def test_emit_request__level(emitted, outcome, status, level):
    assert emitted(REQUEST._replace(outcome=outcome, status=status)).levelno == level


@pytest.mark.parametrize(
    ("outcome", "level"),
    [
        (TaskOutcome.SUCCESS, logging.INFO),
        (TaskOutcome.RETRY, logging.WARNING),
        (TaskOutcome.REVOKED, logging.WARNING),
        (TaskOutcome.REJECTED, logging.WARNING),
        (TaskOutcome.FAILURE, logging.ERROR),
    ],
)
def test_emit_task__level(emitted, outcome, level):
    assert emitted(TASK._replace(outcome=outcome), emit_task).levelno == level


def test_emit_request__message(emitted):
    assert emitted(REQUEST).getMessage() == "GET /orders/17 200 18ms"


def test_emit_task__message(emitted):
    assert emitted(TASK, emit_task).getMessage() == "task orders.tasks.send_invoice success 18ms"


def test_emit_request__logger_name(emitted):
    assert emitted(REQUEST).name == "django_ops.request"


def test_emit_task__logger_name(emitted):
    assert emitted(TASK, emit_task).name == "django_ops.task"


def test_emit_request__carries_the_record(emitted):
    assert emitted(REQUEST).ops_record is REQUEST


def test_emit_request__has_all_that_a_record_has(emitted):
    plain = logging.LogRecord("x", 20, __file__, 1, "x", (), None)
    assert set(plain.__dict__) <= set(emitted(REQUEST).__dict__)


def test_emit_request__has_no_more_attributes():
    made = []
    handler = logging.Handler()
    handler.emit = lambda record: made.append(dict(record.__dict__))  # before another handler adds its own
    logger = logging.getLogger("django_ops.request")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        emit_request(REQUEST)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert set(made[0]) <= STANDARD_ATTRIBUTES


def test_emit_request__any_format_string_works(emitted):
    form = "%(asctime)s %(levelname)s %(threadName)s %(process)d %(relativeCreated)d %(msecs)d %(module)s %(message)s"
    text = logging.Formatter(form).format(emitted(REQUEST))
    assert f"INFO {threading.current_thread().name} {os.getpid()}" in text


def test_emit_request__time_is_the_end_of_the_request(emitted):
    record = emitted(REQUEST)
    assert record.created == pytest.approx(STARTED_AT + 0.01823, abs=1e-6)
    assert record.msecs == 18


def test_emit_request__exception(emitted):
    error = raised(ValueError("wrong"))
    record = emitted(REQUEST._replace(error=error, outcome=Outcome.EXCEPTION, status=500))
    assert record.exc_info == (ValueError, error, error.__traceback__)


def test_emit_request__no_exception(emitted):
    assert emitted(REQUEST).exc_info is None


def test_emit_request__disabled_level(caplog):
    with caplog.at_level(logging.WARNING, "django_ops"):
        emit_request(REQUEST)
    assert caplog.records == []


def test_emit_request__filter_of_the_logger(emitted):
    logger = logging.getLogger("django_ops.request")
    drop = logging.Filter("nothing")
    logger.addFilter(drop)
    try:
        assert emitted(REQUEST) is None
    finally:
        logger.removeFilter(drop)


def test_emit_request__record_factory_of_the_project(emitted):
    class Record(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Record)
    try:
        record = emitted(REQUEST)
    finally:
        logging.setLogRecordFactory(logging.LogRecord)
    assert isinstance(record, Record)
    assert record.ops_record is REQUEST


def test_emit_request__process_id_after_a_fork():
    reader, writer = os.pipe()
    emit_request(REQUEST)  # what is the same for all records is known by now
    child = os.fork()
    if not child:
        handler = logging.Handler()
        handler.emit = lambda record: os.write(writer, str(record.process).encode())
        logging.getLogger("django_ops").addHandler(handler)
        logging.getLogger("django_ops").setLevel(logging.INFO)
        emit_request(REQUEST)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as said:
        assert said.read() == str(child)
