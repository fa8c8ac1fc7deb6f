import logging
import sys

from django_ops.logs.terminal import TerminalFormatter


def test_text__is_masked_and_has_the_traceback():
    try:
        raise ConnectionError("redis://:hunter2@redis:6379/0 is away")
    except ConnectionError:
        record = logging.LogRecord("celery", logging.ERROR, "", 1, "no broker", (), sys.exc_info())
    text = TerminalFormatter().format(record)
    assert text.splitlines()[0].endswith("[ERROR] no broker")
    assert "ConnectionError: redis://" in text
    assert "hunter2" not in text


def test_text__does_not_steer_the_terminal():
    record = logging.LogRecord("gunicorn.error", logging.ERROR, "", 1, "no page at %s", ("/\x1b]0;x\x07",), None)
    assert TerminalFormatter().format(record).endswith(r"no page at /\x1b]0;x\x07")
