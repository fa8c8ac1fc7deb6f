"""What both handlers promise: nothing is raised, nothing told twice, nothing lost to somebody's filter or formatter."""

import json
import logging
import os
import types

import pytest

from django_ops.logs import loss
from django_ops.logs.handler import LineHandler
from django_ops.record.context import Context
from tests.unit.logs.examples import IDENTITY, log_record


class Collecting(LineHandler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def write_line(self, line):
        self.lines.append(line)


@pytest.fixture
def handler():
    return Collecting()


OURS = types.SimpleNamespace(ops=Context(IDENTITY), path="/x", method="GET")


def django_request_record(request):
    extra = {"request": request, "status_code": 404}
    return log_record("%s: %s", "Not Found", "/x", name="django.request", level=logging.WARNING, extra=extra)


def test_handle__writes_the_line(handler):
    handler.handle(log_record("hello"))
    assert json.loads(handler.lines[0])["message"] == "hello"


def test_handle__django_tells_of_a_request_that_is_ours(handler):
    handler.handle(django_request_record(OURS))
    assert handler.lines == []


def test_handle__django_tells_of_another_request(handler):
    handler.handle(django_request_record(types.SimpleNamespace()))
    assert len(handler.lines) == 1


def test_handle__another_logger_with_a_request_that_is_ours(handler):
    record = django_request_record(OURS)
    record.name = "django.security.csrf"
    handler.handle(record)
    assert len(handler.lines) == 1


def test_handle__other_handlers_get_djangos_record():
    others = []
    other = logging.Handler()
    other.emit = others.append
    logger = logging.Logger("django.request")
    logger.handlers = [Collecting(), other]
    logger.handle(django_request_record(OURS))
    assert len(others) == 1


def test_handle__request_that_raises(handler):
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError

    assert handler.handle(django_request_record(Odd()))
    assert len(handler.lines) == 1


def test_handle__filter(handler):
    handler.addFilter(lambda record: record.getMessage() != "drop")
    for message in ("drop", "keep"):
        handler.handle(log_record(message))
    assert [json.loads(line)["message"] for line in handler.lines] == ["keep"]


def test_handle__filter_that_raises(handler):
    handler.addFilter(lambda record: 1 / 0)
    handler.handle(log_record("hello"))
    assert len(handler.lines) == 1


def test_handle__filter_that_replaces_the_record(handler):
    handler.filter = lambda record: log_record("other")  # as logging has it since Python 3.12
    handler.addFilter(lambda record: True)
    handler.handle(log_record("hello"))
    assert json.loads(handler.lines[0])["message"] == "other"


def test_emit__formatter_of_the_project(handler):
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.handle(log_record("hello ü \ud800"))
    assert handler.lines == [b"INFO hello \xc3\xbc \\ud800\n"]


def test_emit__formatter_that_raises(handler):
    handler.setFormatter(logging.Formatter("%(no_such_thing)s"))
    handler.handle(log_record("hello"))
    assert json.loads(handler.lines[0])["message"] == "hello"


def test_emit__mistake_of_the_handler_is_counted(handler):
    handler.write_line = lambda line: 1 / 0
    handler.handle(log_record("hello"))
    assert loss.dropped() == {"error": 1}


def test_emit__interrupt_goes_through(handler):
    def interrupted(line):
        raise KeyboardInterrupt

    handler.write_line = interrupted
    with pytest.raises(KeyboardInterrupt):
        handler.handle(log_record("hello"))


def test_emit__without_a_lock(handler):
    handler.lock = None
    handler.handle(log_record("hello"))
    assert len(handler.lines) == 1


def test_after_fork__forgets_the_parents_half_line(handler):
    handler._rest = b"half"
    handler.after_fork()
    assert handler._rest == b""


def test_write_line__is_for_the_handlers():
    with pytest.raises(NotImplementedError):
        LineHandler().write_line(b"x\n")


def test_put__one_call_per_line(handler, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "write", lambda descriptor, data: calls.append((descriptor, data)) or len(data))
    handler._put(7, b"line\n")
    assert calls == [(7, b"line\n")]


def parts(monkeypatch, *sizes):
    """Let `os.write` take so many bytes at each call; an exception is raised. Returns what was written."""
    written = []
    script = list(sizes)

    def write(descriptor, data):
        size = script.pop(0) if script else len(data)
        if isinstance(size, Exception):
            raise size
        written.append(bytes(data[:size]))
        return min(size, len(data))

    monkeypatch.setattr(os, "write", write)
    return written


def test_put__finishes_what_was_written_in_part(handler, monkeypatch):
    written = parts(monkeypatch, 3, 2)
    handler._put(7, b"0123456789\n")
    assert b"".join(written) == b"0123456789\n"


def test_put__finishes_the_line_before_the_next(handler, monkeypatch):
    written = parts(monkeypatch, 3, OSError(28, "full"))
    handler._put(7, b"first\n")
    handler._put(7, b"second\n")
    assert b"".join(written) == b"first\nsecond\n"


def test_put__does_not_begin_a_line_behind_half_a_line(handler, monkeypatch):
    written = parts(monkeypatch, 3, OSError(28, "full"), OSError(28, "full"))
    handler._put(7, b"first\n")
    with pytest.raises(OSError, match="full"):
        handler._put(7, b"second\n")
    handler._put(7, b"third\n")
    assert b"".join(written) == b"first\nthird\n"


def test_put__nothing_written_at_all(handler, monkeypatch):
    parts(monkeypatch, 3, 0)
    handler._put(7, b"first\n")
    assert handler._rest == b"st\n"
