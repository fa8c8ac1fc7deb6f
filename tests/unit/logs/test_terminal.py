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
